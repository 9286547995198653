"""The text of pre-shared keys and access tokens: generation, check characters and digest.

A key is ``dpsk_`` + 27 base62 characters (160 random bits) + 6 check characters. With the check
characters a mistyped key is refused without a database query; they add no secrecy.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PSK_PREFIX = "dpsk_"
TOKEN_PREFIX = "dpat_"  # noqa: S105 - the prefix is public, what follows is not

_RANDOM_BITS = 160
_RANDOM_LENGTH = 27  # 62**27 > 2**160
_CHECK_LENGTH = 6  # 62**6 > 2**32


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _check_characters(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECK_LENGTH)


def generate(prefix: str) -> str:
    """Return a new key: ``prefix``, 160 random bits in base62 and the check characters."""
    body = prefix + _base62(secrets.randbits(_RANDOM_BITS), _RANDOM_LENGTH)
    return body + _check_characters(body)


def is_well_formed(key: str, prefix: str) -> bool:
    """Return whether ``key`` has ``prefix``, the right length and matching check characters."""
    if not key.startswith(prefix) or len(key) != len(prefix) + _RANDOM_LENGTH + _CHECK_LENGTH:
        return False
    if not (key.isascii() and key[len(prefix) :].isalnum()):
        return False
    return _check_characters(key[:-_CHECK_LENGTH]) == key[-_CHECK_LENGTH:]


def trim(key: str) -> str:
    """Return ``key`` without white space and byte order marks around it."""
    return key.strip().strip("\ufeff").strip()


def digest(key: str) -> bytes:
    """Return the SHA-256 of ``key`` (32 bytes), the only form in which it is stored.

    A plain digest is enough: 160 random bits cannot be guessed, so a slow hash or a pepper
    would protect nothing.
    """
    return hashlib.sha256(key.encode()).digest()


def hint(key: str) -> str:
    """Return the part of ``key`` that may be shown: its prefix and four characters more."""
    return key[: key.index("_") + 5] + "…"
