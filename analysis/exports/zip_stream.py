"""Zip files that are made while they are sent: no part of one is ever whole in memory. Pure."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from analysis.exports.write_buffer import GrowingFile


@dataclass(frozen=True)
class Member:
    """A file of a zip: its name, when it was made (UTC) and its bytes."""

    name: str
    made_at: datetime
    pieces: Iterable[bytes]
    is_compressed: bool = False


def stream_zip(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the bytes of a zip that holds ``members``; compressed files are not pressed again."""
    file = GrowingFile()
    with zipfile.ZipFile(file, "w") as archive:
        for member in members:
            info = zipfile.ZipInfo(member.name, member.made_at.timetuple()[:6])
            info.external_attr = 0o644 << 16
            packed = zipfile.ZIP_STORED if member.is_compressed else zipfile.ZIP_DEFLATED
            info.compress_type = packed
            # How long it becomes is not known beforehand: room for more than 4 GiB is kept.
            with archive.open(info, "w", force_zip64=True) as target:
                for piece in member.pieces:
                    target.write(piece)
                    if taken := file.take():
                        yield taken
    yield file.take()
