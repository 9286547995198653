r"""Check the grammar of a large file at memory speed: ``milliseconds,value`` lines only. Pure.

    [0-9]{1,16},-?[0-9]{1,20}(\.[0-9]{1,20})?    each ended by LF or CRLF, the last one or not

A regular expression walks through 20 MB byte by byte, in a third of the worker's time for an
upload of a million samples. But the bytes other than digits, and the numbers of digits between
them, determine whether such lines are valid: each pair of neighbouring separators allows certain
numbers of digits in between, and pairs that no line contains allow none. Numpy checks all pairs
at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SEPARATORS = b"\n,-.\r"
_LINE_END = _SEPARATORS.index(b"\n")
_KINDS = len(_SEPARATORS) + 1  # the last one is any other byte
# (before, after, minimum and maximum number of digits in between)
_PAIRS = (
    (b"\n", b",", 1, 16),
    (b",", b"-", 0, 0),
    (b",", b".\r\n", 1, 20),
    (b"-", b".\r\n", 1, 20),
    (b".", b"\r\n", 1, 20),
    (b"\r", b"\n", 0, 0),
)
_CHUNK_BYTES = 1 << 18  # fits a processor's cache together with the arrays derived from it


def _kinds() -> NDArray[np.uint8]:
    kinds = np.full(256, _KINDS - 1, dtype=np.uint8)
    kinds[list(_SEPARATORS)] = range(len(_SEPARATORS))
    return kinds


def _digits_between() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the minimum of digits and how many more may follow, by before * kinds + after."""
    minimum = np.zeros((_KINDS, _KINDS), dtype=np.int64)
    more = np.full((_KINDS, _KINDS), -1, dtype=np.int64)
    for before, afters, low, high in _PAIRS:
        for after in afters:
            place = _SEPARATORS.index(before), _SEPARATORS.index(after)
            minimum[place], more[place] = low, high - low
    return minimum.ravel(), more.ravel()


_KIND_OF = _kinds()
_MINIMUM, _MORE = _digits_between()


def is_all_samples(data: bytes) -> bool:
    """Return whether ``data``, which ends after the last character of a line, is all samples."""
    if data.endswith(b"\r"):  # without a line feed it ends no line
        return False
    content = np.frombuffer(data, dtype=np.uint8)
    before, last = _LINE_END, -1  # kind and position of the previous separator
    for start in range(0, len(content), _CHUNK_BYTES):
        chunk = content[start : start + _CHUNK_BYTES]
        places = np.flatnonzero(chunk - ord("0") > 9)  # uint8: bytes below "0" wrap around
        if not len(places):
            continue
        kinds = _KIND_OF[chunk[places]]
        digits = np.diff(places, prepend=last - start) - 1
        pairs = kinds + _KINDS * np.concatenate(([before], kinds[:-1]))
        if not _all_allowed(pairs, digits):
            return False
        before, last = int(kinds[-1]), start + int(places[-1])
    pair = np.array([_KINDS * before + _LINE_END])
    return _all_allowed(pair, np.array([len(content) - last - 1]))


def _all_allowed(pairs: NDArray[np.integer], digits: NDArray[np.int64]) -> bool:
    more = digits - _MINIMUM[pairs]
    return bool(((more >= 0) & (more <= _MORE[pairs])).all())
