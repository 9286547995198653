"""Zip archives, and the buffer that lets Zip and Parquet writers stream. Pure."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime


class StreamBuffer(io.RawIOBase):
    """Write-only file that holds what was written until ``take`` drains it."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        chunk = bytes(data)  # type: ignore[call-overload]  # a copy: pyarrow reuses its buffers
        self._chunks.append(chunk)
        self._written += len(chunk)
        return len(chunk)

    def tell(self) -> int:
        """Return the total number of bytes written, drained ones included."""
        return self._written

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken


@dataclass(frozen=True)
class Member:
    """A file of a zip archive: its name, its modification time (UTC) and its bytes."""

    name: str
    modified_at: datetime
    chunks: Iterable[bytes]
    is_compressed: bool = False


def stream_zip(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the bytes of a zip archive of ``members``; compressed ones are stored as they are.

    Of members whose names differ in case at most, the later ones get a number.
    """
    buffer = StreamBuffer()
    taken: set[str] = set()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            name = _make_unique(member.name, taken)
            info = zipfile.ZipInfo(name, member.modified_at.timetuple()[:6])
            info.external_attr = 0o644 << 16
            info.compress_type = (
                zipfile.ZIP_STORED if member.is_compressed else zipfile.ZIP_DEFLATED
            )
            # The size is unknown in advance, so the header must allow more than 4 GiB.
            with archive.open(info, "w", force_zip64=True) as target:
                for chunk in member.chunks:
                    target.write(chunk)
                    if chunks := buffer.take():
                        yield chunks
    yield buffer.take()


def _make_unique(name: str, taken: set[str]) -> str:
    """Return ``name``, with a number before its extension if it is taken, and take it.

    Compared without case, as the file systems of Windows and macOS do.
    """
    stem, dot, extension = name.rpartition(".")
    unique, number = name, 1
    while unique.lower() in taken:
        number += 1
        unique = f"{stem}~{number}{dot}{extension}"
    taken.add(unique.lower())
    return unique
