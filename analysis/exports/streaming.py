"""Zip archives that are streamed, and the buffer that lets the writer of Parquet stream.

The standard library's ``zipfile`` keeps an entry of each member in memory, and its archives have no
size before they are written: an identity may have a hundred thousand files.
"""

from __future__ import annotations

import io
import struct
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

# A download of CSV spends most of its time here: level 6 takes five times as long for a fifth less.
DEFLATE_LEVEL = 1


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
    """A file of a zip archive: its name, its modification time (UTC) and its bytes.

    A member whose ``size`` and ``crc32`` are known is stored as it is, with both before its bytes.
    """

    name: str
    modified_at: datetime
    chunks: Iterable[bytes]
    is_compressed: bool = False
    size: int | None = None
    crc32: int = 0


class Spool:
    """Bytes that are written once and read back in chunks; more than 1 MiB wait in a file.

    ``size`` and ``crc32`` are those of the bytes; they are kept compressed.
    """

    def __init__(self) -> None:
        self.size = self.crc32 = 0
        self._deflate = zlib.compressobj(DEFLATE_LEVEL)
        self._is_written = False
        self._file = tempfile.SpooledTemporaryFile(1 << 20)  # noqa: SIM115 - closed by close
        # Also where it is forgotten, as by an answer to HEAD.
        self.close = weakref.finalize(self, self._file.close)

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self.crc32 = zlib.crc32(data, self.crc32)
        self._file.write(self._deflate.compress(data))

    def chunks(self) -> Iterator[bytes]:
        """Yield what was written; nothing can be written any more."""
        if not self._is_written:
            self._file.write(self._deflate.flush())
            self._is_written = True
        self._file.seek(0)
        inflate = zlib.decompressobj()
        while compressed := self._file.read(1 << 16):
            if data := inflate.decompress(compressed):
                yield data

    def lines(self) -> Iterator[bytes]:
        """Yield what was written by lines, without their ends."""
        rest = b""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole


# In zip64 the sizes and the offset stand in an extra field, whatever they are.
_IN_EXTRA = 0xFFFFFFFF
_VERSION = 45
_BY_UNIX = 3 << 8 | _VERSION
_HAS_DESCRIPTOR, _IS_UTF8 = 1 << 3, 1 << 11
_STORED, _DEFLATED = 0, 8
_LOCAL = struct.Struct("<4s5H3L2H2H2Q")
_DESCRIPTOR = struct.Struct("<4sL2Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L2H3Q")
_END = struct.Struct("<4sQ2H2L4Q4sLQL4s4H2LH")
# The first fields are in front of the name, the extra field is behind it.
_LOCAL_EXTRA, _CENTRAL_EXTRA = 20, 28


def measure_member(name: str, size: int) -> int:
    """Return the bytes that a member of known size takes in an archive."""
    return _LOCAL.size + _CENTRAL.size + 2 * len(name.encode()) + size


END_BYTES, DESCRIPTOR_BYTES = _END.size, _DESCRIPTOR.size


def stream_zip(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the bytes of a zip64 archive of ``members``; compressed ones are stored as they are.

    Of members of unknown size whose names differ in case at most, the later ones get a number.
    Memory does not grow with the number of members of known size.
    """
    taken: set[str] = set()
    directory = Spool()
    try:
        offset = count = 0
        for member in members:
            name = member.name if member.size is not None else make_unique(member.name, taken)
            entry = _Entry(member, name, offset)
            for chunk in entry.encode():
                offset += len(chunk)
                yield chunk
            directory.write(entry.encode_directory())
            count += 1
        yield from directory.chunks()
        yield _encode_end(count, directory.size, offset)
    finally:
        directory.close()


class _Entry:
    """A member in an archive: its headers and its data."""

    def __init__(self, member: Member, name: str, offset: int) -> None:
        self._member, self._name, self._offset = member, name.encode(), offset
        self._is_known = member.size is not None
        is_deflated = not (self._is_known or member.is_compressed)
        self._method = _DEFLATED if is_deflated else _STORED
        self._size = self._compressed = member.size or 0
        self._crc32 = member.crc32
        time = member.modified_at
        year = min(max(time.year, 1980), 2107) - 1980
        self._common = (
            (0 if self._is_known else _HAS_DESCRIPTOR) | (0 if name.isascii() else _IS_UTF8),
            self._method,
            time.hour << 11 | time.minute << 5 | time.second // 2,
            year << 9 | time.month << 5 | time.day,
        )

    def encode(self) -> Iterator[bytes]:
        """Yield local header, data and, for a member of unknown size, data descriptor."""
        sizes = (self._size, self._compressed)
        header = _LOCAL.pack(
            b"PK\3\4", _VERSION, *self._common, self._crc32, _IN_EXTRA, _IN_EXTRA,
            len(self._name), _LOCAL_EXTRA, 1, 16, *sizes,
        )  # fmt: skip
        yield header[:-_LOCAL_EXTRA] + self._name + header[-_LOCAL_EXTRA:]
        if self._is_known:
            yield from self._member.chunks
            return
        for chunk in self._encode_data():
            self._compressed += len(chunk)
            yield chunk
        yield _DESCRIPTOR.pack(b"PK\7\10", self._crc32, self._compressed, self._size)

    def _encode_data(self) -> Iterator[bytes]:
        deflate = None
        if self._method == _DEFLATED:
            deflate = zlib.compressobj(DEFLATE_LEVEL, wbits=-zlib.MAX_WBITS)
        for chunk in self._member.chunks:
            self._size += len(chunk)
            self._crc32 = zlib.crc32(chunk, self._crc32)
            if data := chunk if deflate is None else deflate.compress(chunk):
                yield data
        if deflate is not None:
            yield deflate.flush()

    def encode_directory(self) -> bytes:
        """Return the entry of the central directory, after the data has been read."""
        entry = _CENTRAL.pack(
            b"PK\1\2", _BY_UNIX, _VERSION, *self._common, self._crc32, _IN_EXTRA, _IN_EXTRA,
            len(self._name), _CENTRAL_EXTRA, 0, 0, 0, 0o644 << 16, _IN_EXTRA,
            1, 24, self._size, self._compressed, self._offset,
        )  # fmt: skip
        return entry[:-_CENTRAL_EXTRA] + self._name + entry[-_CENTRAL_EXTRA:]


def _encode_end(count: int, directory_bytes: int, offset: int) -> bytes:
    return _END.pack(
        b"PK\6\6", 44, _BY_UNIX, _VERSION, 0, 0, count, count, directory_bytes, offset,
        b"PK\6\7", 0, offset + directory_bytes, 1,
        b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _IN_EXTRA, _IN_EXTRA, 0,
    )  # fmt: skip


def make_unique(name: str, taken: set[str]) -> str:
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
