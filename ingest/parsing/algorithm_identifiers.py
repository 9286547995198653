"""ECDSA signatures that are named with a NULL too many, as many small devices do. Pure.

RFC 5758 wants no parameters after ``ecdsa-with-SHA256`` and its like. Mbed TLS wrote a NULL there
until 3.5 and 2.28.4, and so do others; `cryptography` does not read that, OpenSSL does.
"""

from __future__ import annotations

import re

_VERSION = 0xA0
_ECDSA_WITH_NULL = re.compile(
    rb"\x30[\x0b\x0c](\x06\x07\x2a\x86\x48\xce\x3d\x04\x01"
    rb"|\x06\x08\x2a\x86\x48\xce\x3d\x04\x03[\x01-\x04])\x05\x00"
)


def without_null(der: bytes) -> bytes:
    """Return the certificate without the NULL after the two names of its ECDSA signature.

    What has none stays as it is. Raises ``ValueError`` for what is no certificate in DER.
    """
    fields, end = _content(der, 0)
    tbs_fields, tbs_end = _content(der, fields)
    inner = tbs_fields
    if der[inner : inner + 1] == bytes([_VERSION]):
        inner = _content(der, inner)[1]
    inner = _content(der, inner)[1]  # past the serial number
    inner_end, outer_end = _content(der, inner)[1], _content(der, tbs_end)[1]
    if end != len(der) or inner_end > tbs_end or outer_end > end:
        raise ValueError("no certificate")
    tbs = der[tbs_fields:inner] + _named(der[inner:inner_end]) + der[inner_end:tbs_end]
    return _sequence(_sequence(tbs) + _named(der[tbs_end:outer_end]) + der[outer_end:])


def _named(identifier: bytes) -> bytes:
    found = _ECDSA_WITH_NULL.fullmatch(identifier)
    return _sequence(found[1]) if found else identifier


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the element at ``at`` begins and ends."""
    first = int.from_bytes(der[at + 1 : at + 2])
    more = first - 0x80 if first > 0x80 else 0
    size = int.from_bytes(der[at + 2 : at + 2 + more]) if more else first
    begin = at + 2 + more
    if der[at + 1 : begin] != _length(size) or begin + size > len(der):
        raise ValueError("no length, not the shortest, or beyond the end")
    return begin, begin + size


def _sequence(content: bytes) -> bytes:
    return b"\x30" + _length(len(content)) + content


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    written = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0x80 + len(written)]) + written
