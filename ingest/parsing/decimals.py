"""Decimal text against the double that stands for it. Pure."""

from __future__ import annotations

from decimal import Decimal

_EXACT_CHARACTERS = 15  # a decimal of 15 digits is the shortest notation of its double


def is_rounded(text: bytes) -> bool:
    """Tell whether the shortest notation of the double of ``text`` is another decimal.

    ``text`` is a value of the file grammar, or empty.
    """
    if len(text) <= _EXACT_CHARACTERS and b"e" not in text and b"E" not in text:
        return False
    if not text:
        return False
    shortest = repr(float(text))
    return shortest.encode() != text and Decimal(shortest) != Decimal(text.decode())
