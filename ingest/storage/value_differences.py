"""Differences of one byte between the integers of a block. Pure: numpy arrays in and out.

Most sensors change little from one sample to the next, so a byte holds what an integer of 16 or 32
bits does otherwise. Numbers count from the block's minimum, so that none is negative, and in units
of their greatest common divisor: an accelerometer that measures 1/64 g sends multiples of 0.015625.

Each byte is a difference from the number before plus 127. The byte 255 is a *jump*, whose
difference needs 32 bits. The first number is a jump from 0. A second array holds the divisor and
the jumps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_SAMPLES = 64  # shorter blocks would gain less than the second array takes
SAMPLES_PER_JUMP = 16  # jumps of a noisier series would take what its bytes save
_MIDDLE = 127
_JUMP = 255
_MAX_NUMBER = 2**31 - 1


def pack(numbers: NDArray[np.int64]) -> tuple[bytes, NDArray[np.int32]] | None:
    """Return the bytes, and divisor and jumps, of ``numbers``, None if another form suits better.

    No number is negative, and one is zero.
    """
    count = len(numbers)
    if count < MIN_SAMPLES or int(numbers.max()) > _MAX_NUMBER:
        return None
    divisor = max(1, int(np.gcd.reduce(numbers)))
    steps = np.diff(numbers // divisor, prepend=0)
    is_jump = np.abs(steps) > _MIDDLE
    is_jump[0] = True
    jumps = steps[is_jump]
    if len(jumps) * SAMPLES_PER_JUMP > count:
        return None
    steps[is_jump] = _JUMP - _MIDDLE
    return (steps + _MIDDLE).astype(np.uint8).tobytes(), np.array([divisor, *jumps], np.int32)


def unpack(differences: bytes, integers: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the numbers of ``pack``. Raises ``ValueError`` if there are not as many jumps."""
    cells = np.frombuffer(differences, np.uint8)
    is_jump = cells == _JUMP
    if np.count_nonzero(is_jump) != len(integers) - 1:
        raise ValueError(f"{len(integers) - 1} jumps for {np.count_nonzero(is_jump)} marks")
    steps = cells.astype(np.int64) - _MIDDLE
    steps[is_jump] = integers[1:]
    return np.cumsum(steps) * int(integers[0])
