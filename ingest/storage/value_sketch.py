"""Sketches of values: counts in fixed bins, for percentiles of samples that are not read. Pure.

A bin holds the values of one sign whose binary exponent and first seven bits of the fraction are
equal: each power of two is divided into 128 bins of equal width. So a sketch is a function of the
multiset of values alone, computed without rounding, and sketches merge by adding counts. The middle
of a bin differs from each of its values by at most 1/256 of the value. Zero has a bin of its own,
and whole numbers up to 256 are ends of bins: a sketch whose values are all ends is exact.

Bins are numbered in the order of their values: 0 is zero, negative numbers hold negative values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_SAMPLES = 64
MAX_BINS = 2_048
# The largest difference of a percentile from the true one, as a fraction of the true one.
MAX_RELATIVE_ERROR = 2**-8

_DROPPED_BITS = 45  # of the 52 bits of the fraction
_DROPPED = (1 << _DROPPED_BITS) - 1
_MIDDLE = 1 << (_DROPPED_BITS - 1)
_FIRST_NORMAL = 1 << 7  # values below 2^-1022 have fewer bits than a bin needs
_MIN_NORMAL = 2.0**-1022
_SATURATED = 2**15 - 1
_MAX_SKIP = 2**15


@dataclass(frozen=True, slots=True)
class Sketch:
    """Numbers of bins, ascending, and the counts of values in them, all above zero.

    ``is_exact``: every value is the end of its bin that is nearer to zero.
    """

    bins: NDArray[np.int64]
    counts: NDArray[np.int64]
    is_exact: bool


@dataclass(frozen=True, slots=True)
class CodedSketch:
    """A sketch as it is stored: the first bin, and from there on numbers of 16 bits.

    A number of 0 to 32,766 is the count of the next bin. 32,767 adds to the count of the next bin
    and stays at it; a negative number skips as many bins.
    """

    first: int
    numbers: NDArray[np.int16]
    is_exact: bool


def sketch_values(values: NDArray[np.float64]) -> Sketch | None:
    """Return the sketch of finite ``values``; None if one of them is too close to zero."""
    bits = np.abs(values).view(np.int64)
    magnitudes = bits >> _DROPPED_BITS
    if bool(((magnitudes < _FIRST_NORMAL) & (bits != 0)).any()):
        return None
    bins, counts = np.unique(np.where(values < 0, -magnitudes, magnitudes), return_counts=True)
    return Sketch(bins, counts.astype(np.int64), not bool((bits & _DROPPED).any()))


def sketch_any(values: NDArray[np.float64]) -> Sketch:
    """Return the sketch of any finite ``values``; subnormal ones count as zero."""
    sketch = sketch_values(np.where(np.abs(values) < _MIN_NORMAL, 0.0, values))
    if sketch is None:
        raise AssertionError("values below the normal doubles were replaced")
    return sketch


def merge_sketches(sketches: Sequence[Sketch]) -> Sketch:
    """Return the sketch of all values of ``sketches``, one or more."""
    return _add_up(
        np.concatenate([each.bins for each in sketches]),
        np.concatenate([each.counts for each in sketches]),
        all(each.is_exact for each in sketches),
    )


def find_rank(count: int, fraction: float) -> int:
    """Return the rank, from 1, of the nearest-rank percentile, as ``percentile_disc`` does."""
    return max(1, math.ceil(count * fraction))


def estimate_percentiles(
    sketch: Sketch, fractions: Sequence[float], minimum: float, maximum: float
) -> list[float]:
    """Return the nearest-rank percentiles of a sketch, within the extremes of its values."""
    reached = np.cumsum(sketch.counts)
    ranks = [find_rank(int(reached[-1]), fraction) for fraction in fractions]
    found = sketch.bins[np.searchsorted(reached, ranks)]
    bits = np.abs(found) << _DROPPED_BITS
    if not sketch.is_exact:
        bits = np.where(found == 0, 0, bits | _MIDDLE)
    values = np.where(found < 0, -1.0, 1.0) * bits.view(np.float64)
    return [float(value) for value in np.clip(values, minimum, maximum)]


def count_outside(sketch: Sketch, low: float, high: float) -> tuple[int, int, int]:
    """Return how many values are below ``low``, how many above ``high``, and how many may be."""
    magnitudes = np.abs(sketch.bins)
    near = (magnitudes << _DROPPED_BITS).view(np.float64)
    far = near if sketch.is_exact else ((magnitudes + 1) << _DROPPED_BITS).view(np.float64)
    far = np.where(magnitudes == 0, 0.0, far)
    is_negative = sketch.bins < 0
    lowest, highest = np.where(is_negative, -far, near), np.where(is_negative, -near, far)
    # The far end belongs to the next bin, if not all values are near ends.
    has_lowest, has_highest = ~is_negative | sketch.is_exact, is_negative | sketch.is_exact
    has_highest = has_highest | (magnitudes == 0)
    is_below = np.where(has_highest, highest < low, highest <= low)
    is_above = np.where(has_lowest, lowest > high, lowest >= high)
    may_be = ((lowest < low) & ~is_below) | ((highest > high) & ~is_above)
    below, above, unsure = (int(sketch.counts[part].sum()) for part in (is_below, is_above, may_be))
    return below, above, unsure


def encode_sketch(sketch: Sketch) -> CodedSketch:
    """Return the stored form of a sketch of at least one value."""
    numbers: list[int] = []
    position = first = int(sketch.bins[0])
    for number, count in zip(sketch.bins.tolist(), sketch.counts.tolist(), strict=True):
        skipped = number - position
        numbers += [-_MAX_SKIP] * (skipped // _MAX_SKIP)
        if skipped % _MAX_SKIP:
            numbers.append(-(skipped % _MAX_SKIP))
        numbers += [_SATURATED] * (count // _SATURATED)
        numbers.append(count % _SATURATED)
        position = number + 1
    return CodedSketch(first, np.array(numbers, np.int16), sketch.is_exact)


def decode_sketches(coded: Sequence[CodedSketch]) -> Sketch:
    """Return the sketch of all values of ``coded``, one or more; thousands take milliseconds."""
    numbers = np.concatenate([each.numbers for each in coded]).astype(np.int64)
    lengths = np.array([len(each.numbers) for each in coded])
    steps = np.where(numbers < 0, -numbers, np.where(numbers == _SATURATED, 0, 1))
    places = np.cumsum(steps) - steps
    firsts = np.array([each.first for each in coded], np.int64)
    places += np.repeat(firsts - places[np.cumsum(lengths) - lengths], lengths)
    is_count = numbers > 0
    return _add_up(places[is_count], numbers[is_count], all(each.is_exact for each in coded))


def _add_up(bins: NDArray[np.int64], counts: NDArray[np.int64], is_exact: bool) -> Sketch:
    lowest = int(bins.min())
    total = np.bincount(bins - lowest, weights=counts)
    found = np.flatnonzero(total)
    return Sketch(found + lowest, total[found].astype(np.int64), is_exact)
