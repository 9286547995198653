"""Inflate a gzip stream of any number of members in linear time. Pure.

A member is fed in pieces that grow with it: what zlib copies back as unused is never more than a
small multiple of what it has consumed, however many members a body has.
"""

from __future__ import annotations

import zlib
from typing import Final

_GZIP: Final = 31  # zlib's window bits for a gzip header and trailer
FIRST_PIECE_BYTES: Final = 256
MAX_PIECE_BYTES: Final = 1 << 18


class DamagedGzip(ValueError):
    """Not a whole gzip stream; the text is for the person who reads the device's log."""


class InflatedTooLarge(ValueError):
    """More bytes than allowed after inflating."""


def inflate(body: bytes, limit: int) -> bytes:
    """Return the joined content of all gzip members of ``body``, at most ``limit`` bytes.

    Raises ``InflatedTooLarge`` and ``DamagedGzip``: anything but whole members (a cut member, zeros
    or other bytes behind the last one) is damage.
    """
    parts: list[bytes] = []
    view = memoryview(body)
    position, left = 0, limit
    piece_bytes = MAX_PIECE_BYTES  # nearly every body is one member
    while position < len(view):
        position, left = _inflate_member(view, position, left, piece_bytes, parts)
        piece_bytes = FIRST_PIECE_BYTES
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflate_member(
    view: memoryview, position: int, left: int, piece_bytes: int, parts: list[bytes]
) -> tuple[int, int]:
    """Append the content of the member at ``position``; return its end and what is left."""
    inflater = zlib.decompressobj(_GZIP)
    while not inflater.eof:
        piece = view[position : position + piece_bytes]
        if not piece:
            raise DamagedGzip("The gzip stream ends early.")
        try:
            part = inflater.decompress(piece, left + 1)
        except zlib.error as error:
            raise DamagedGzip("The gzip stream is damaged.") from error
        left -= len(part)
        if left < 0:
            raise InflatedTooLarge
        if part:
            parts.append(part)
        position += len(piece) - len(inflater.unused_data)
        piece_bytes = min(2 * piece_bytes, MAX_PIECE_BYTES)
    return position, left
