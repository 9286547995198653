r"""Checks the grammar of a large measurement file at memory speed. Pure.

    TIME(,VALUE?){1,63}   each line ended by LF or CRLF, the last one or not
    TIME   [0-9]{1,16}(\.[0-9]{1,3})?
    VALUE  [+-]?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?

A regular expression reads a file byte by byte, which takes a third of the processor time of a
large upload. Instead, numpy finds all bytes that are no digits. The kinds of two neighbours among
them determine how many digits may lie between them; a pair that no line contains allows none.
So the file is counted by pair and number of digits, and the counts tell the rest.
A line's number of fields is not checked here: the CSV reader refuses a difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK_BYTES = 1 << 18  # a chunk and the arrays made from it fit the processor's cache

# Kinds of bytes that are no digits. A point and a sign have two kinds, by what stands before them.
_KINDS = 9
_LF, _COMMA, _SIGN, _POINT, _CR, _E, _TIME_POINT, _EXPONENT_SIGN, _OTHER = range(_KINDS)
_BYTES = {_LF: b"\n", _COMMA: b",", _SIGN: b"+-", _POINT: b".", _CR: b"\r", _E: b"eE"}
_FIELD_ENDS = (_COMMA, _CR, _LF)

# (kind before, kinds after, fewest digits between them, most)
_PAIRS = (
    (_LF, (_COMMA, _TIME_POINT), 1, 16),
    (_TIME_POINT, (_COMMA,), 1, 3),
    (_COMMA, _FIELD_ENDS, 0, 20),
    (_COMMA, (_POINT, _E), 1, 20),
    (_COMMA, (_SIGN,), 0, 0),
    (_SIGN, (*_FIELD_ENDS, _POINT, _E), 1, 20),
    (_POINT, (*_FIELD_ENDS, _E), 1, 20),
    (_E, _FIELD_ENDS, 1, 3),
    (_E, (_EXPONENT_SIGN,), 0, 0),
    (_EXPONENT_SIGN, _FIELD_ENDS, 1, 3),
    (_CR, (_LF,), 0, 0),
)
_MAX_DIGITS = 21  # more are counted as so many
_EXACT_DIGITS = 15  # a decimal of so many digits is the shortest notation of its double


@dataclass(frozen=True, slots=True)
class Scan:
    """What the numbers of a valid file look like, which decides how fast it can be read."""

    has_fractions: bool  # of a millisecond
    has_empty_values: bool
    has_plus_signs: bool
    may_be_rounded: bool  # some value has an exponent, or may have more digits than a double keeps

    @property
    def is_plain(self) -> bool:
        """Return whether all numbers are integers or short decimals, without a plus sign."""
        return not (
            self.has_fractions
            or self.has_empty_values
            or self.has_plus_signs
            or self.may_be_rounded
        )


def _kinds_of_bytes() -> NDArray[np.uint8]:
    kinds = np.full(256, _OTHER, dtype=np.uint8)
    for kind, characters in _BYTES.items():
        kinds[list(characters)] = kind
    return kinds


def _allowed_counts() -> NDArray[np.bool_]:
    """Return what may occur, by kind before, kind after and number of digits between them."""
    allowed = np.zeros((_KINDS, _KINDS, _MAX_DIGITS + 1), dtype=bool)
    for before, afters, low, high in _PAIRS:
        for after in afters:
            allowed[before, after, low : high + 1] = True
    return allowed


_KIND_OF = _kinds_of_bytes()
_ALLOWED = _allowed_counts()


def scan(text: bytes, start: int = 0, end: int | None = None) -> Scan | None:
    """Return the properties of ``text[start:end]``, None where it is not lines of the grammar.

    ``end`` is behind the last character of the last line, without that line's end.
    """
    if text.endswith(b"\r", start, end):  # without a line feed it ends no line
        return None
    counts = _count_pairs(np.frombuffer(text, dtype=np.uint8)[start:end])
    if counts[~_ALLOWED].any():
        return None
    whole = _most_digits(counts[[_COMMA, _SIGN]][:, [_POINT, *_FIELD_ENDS, _E]])
    fraction = _most_digits(counts[_POINT])
    return Scan(
        has_fractions=bool(counts[_TIME_POINT].any()),
        has_empty_values=bool(counts[_COMMA, _FIELD_ENDS, 0].any()),
        has_plus_signs=text.find(b"+", start, end) >= 0,
        may_be_rounded=bool(counts[_E].any()) or whole + fraction > _EXACT_DIGITS,
    )


def _count_pairs(content: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how often each pair of kinds occurs, by number of digits between the two."""
    counts: NDArray[np.int64] = np.zeros(_ALLOWED.size, dtype=np.int64)
    before, last = _LF, -1
    for start in range(0, len(content), _CHUNK_BYTES):
        chunk = content[start : start + _CHUNK_BYTES]
        places = np.flatnonzero(chunk - ord("0") > 9)  # uint8: bytes below "0" wrap around
        if not len(places):
            continue
        kinds = _KIND_OF[chunk[places]]
        previous = np.empty_like(kinds)
        previous[0], previous[1:] = before, kinds[:-1]
        kinds[(kinds == _POINT) & (previous == _LF)] = _TIME_POINT
        kinds[(kinds == _SIGN) & (previous == _E)] = _EXPONENT_SIGN
        previous[0], previous[1:] = before, kinds[:-1]
        # Narrow numbers: with 64 bits, these steps take a third more time.
        ends = places.astype(np.int32)
        digits = np.diff(ends, prepend=np.int32(last - start)) - np.int32(1)
        np.minimum(digits, _MAX_DIGITS, out=digits)
        pairs = previous * np.uint8(_KINDS) + kinds  # at most 80
        codes = pairs.astype(np.int32) * np.int32(_MAX_DIGITS + 1) + digits
        counts += np.bincount(codes, minlength=len(counts))
        before, last = int(kinds[-1]), start + int(places[-1])
    by_pair = counts.reshape(_ALLOWED.shape)
    by_pair[before, _LF, min(len(content) - last - 1, _MAX_DIGITS)] += 1
    return by_pair


def _most_digits(counts: NDArray[np.int64]) -> int:
    occurring = np.flatnonzero(counts.reshape(-1, _MAX_DIGITS + 1).any(axis=0))
    return int(occurring[-1]) if len(occurring) else 0
