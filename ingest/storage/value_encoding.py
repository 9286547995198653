"""The stored form of a block's values. Pure: numpy arrays in, numpy arrays out.

Most values are short decimals: as doubles they take 8 bytes, as integers of a power of ten 2 or 4.
A block whose values are all ``n / 10**scale`` stores the integers, so that the quotient gives back
the same double bit for bit, in Python and in SQL alike: ``n`` and ``10**scale`` are exact doubles,
and IEEE 754 rounds their quotient as it rounds the decimal text. Any other block stores doubles.

Integers of 16 bits count from the middle of their range, which the block's minimum tells:
``n = round(minimum * 10**scale) + 32768 + stored``. Compaction stores most of them as differences
of one byte (``value_differences``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.parsing.samples import FEW_SAMPLES

MAX_SCALE = 15  # a double keeps so many digits of any decimal
MIDDLE = 32_768
_SPAN = 65_535
_MAX_INT4 = 2**31 - 1
_MAX_EXACT = 2.0**52  # below it, minimum * 10**scale errs by less than a half
_POWERS = np.array([10.0**scale for scale in range(MAX_SCALE + 1)])
_SINGLE = np.array([-MIDDLE], dtype=np.int16)  # a value that is its own minimum

Stored = NDArray[np.integer] | NDArray[np.float64]


def pack(values: NDArray[np.float64]) -> tuple[int | None, Stored]:
    """Return the scale (None: doubles) and the shortest stored form of finite ``values``."""
    first_values = values[:FEW_SAMPLES].tolist()
    scale = _count_decimals(first_values)
    if len(values) <= FEW_SAMPLES:
        return _pack_few(first_values, scale, values)
    while scale is not None:
        with np.errstate(over="ignore"):
            scaled = np.rint(values * _POWERS[scale])
        low, high = float(scaled.min()), float(scaled.max())
        if max(-low, high) >= _MAX_EXACT:
            break
        # Bits are compared, since a negative zero is equal to the zero that it would become.
        is_exact = ((scaled + 0.0) / _POWERS[scale]).view(np.int64) == values.view(np.int64)
        if is_exact.all():
            if high - low <= _SPAN:
                return scale, (scaled - (low + MIDDLE)).astype(np.int16)
            if max(-low, high) <= _MAX_INT4:
                return scale, scaled.astype(np.int32)
            break
        first = int(is_exact.argmin())
        found = _count_decimals(values[first : first + FEW_SAMPLES].tolist())
        scale = found if found is not None and found > scale else None
    return None, values


def _pack_few(
    numbers: list[float], scale: int | None, values: NDArray[np.float64]
) -> tuple[int | None, Stored]:
    """Return what ``pack`` does for a few values, without the cost of arrays.

    Most files are short, and one may have tens of thousands of hours with one sample each. No
    value has more decimals than ``scale``, since it was counted over all of them.
    """
    if scale is None:
        return None, values
    power = 10.0**scale
    integers = [round(value * power) for value in numbers]
    lowest, highest = min(integers), max(integers)
    if max(-lowest, highest) >= _MAX_EXACT or any(
        integer / power != value for integer, value in zip(integers, numbers, strict=True)
    ):
        return None, values
    if len(integers) == 1:
        return scale, _SINGLE
    if highest - lowest <= _SPAN:
        middle = lowest + MIDDLE
        return scale, np.array([integer - middle for integer in integers], dtype=np.int16)
    if max(-lowest, highest) <= _MAX_INT4:
        return scale, np.array(integers, dtype=np.int32)
    return None, values


def unpack(scale: int | None, stored: Stored, minimum: float) -> NDArray[np.float64]:
    """Return a block's values from their stored form.

    Raises ``ValueError`` if the form does not belong to the scale.
    """
    if scale is None:
        if stored.dtype != np.float64:
            raise ValueError("integers without a scale")
        return stored.astype(np.float64, copy=False)
    if stored.dtype == np.float64 or not 0 <= scale <= MAX_SCALE:
        raise ValueError(f"{stored.dtype} values with the scale {scale}")
    if stored.dtype == np.int16:
        return divide(scale, stored.astype(np.int64) + MIDDLE, minimum)
    decimals: NDArray[np.float64] = stored.astype(np.float64) / _POWERS[scale]
    return decimals


def from_minimum(integers: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return integers of ``pack`` as numbers that count from the block's minimum."""
    numbers = integers.astype(np.int64)
    return numbers + MIDDLE if integers.dtype == np.int16 else numbers - numbers.min()


def divide(scale: int | None, numbers: NDArray[np.int64], minimum: float) -> NDArray[np.float64]:
    """Return the values of numbers that count from ``minimum``.

    Raises ``ValueError`` for a scale that no block has.
    """
    if scale is None or not 0 <= scale <= MAX_SCALE:
        raise ValueError(f"integers with the scale {scale}")
    decimals: NDArray[np.float64] = (np.rint(minimum * _POWERS[scale]) + numbers) / _POWERS[scale]
    return decimals


def _count_decimals(values: list[float]) -> int | None:
    """Return the most decimals that the shortest notation of a value has, None for too many."""
    most = 0
    for value in values:
        text = repr(value)
        whole, _, fraction = text.partition(".")
        if "e" in text or len(fraction) > MAX_SCALE or (whole == "-0" and fraction == "0"):
            return None
        if fraction != "0":
            most = max(most, len(fraction))
    return most
