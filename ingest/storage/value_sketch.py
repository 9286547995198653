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
from collections.abc import Iterable, Sequence
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

    @property
    def count(self) -> int:
        return int(self.counts.sum())


def sketch_values(values: NDArray[np.float64]) -> Sketch | None:
    """Return the sketch of finite ``values``; None if one of them is too close to zero."""
    bits = np.abs(values).view(np.int64)
    magnitudes = bits >> _DROPPED_BITS
    if bool(((magnitudes < _FIRST_NORMAL) & (bits != 0)).any()):
        return None
    bins, counts = np.unique(np.where(values < 0, -magnitudes, magnitudes), return_counts=True)
    return Sketch(bins, counts.astype(np.int64), not bool((bits & _DROPPED).any()))


def merge_sketches(sketches: Iterable[Sketch]) -> Sketch:
    """Return the sketch of all values of ``sketches``."""
    parts = list(sketches)
    empty = np.empty(0, np.int64)
    all_bins = np.concatenate([part.bins for part in parts] or [empty])
    all_counts = np.concatenate([part.counts for part in parts] or [empty])
    bins, places = np.unique(all_bins, return_inverse=True)
    counts = np.bincount(places, weights=all_counts, minlength=len(bins)).astype(np.int64)
    return Sketch(bins, counts, all(part.is_exact for part in parts))


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


def encode_sketch(sketch: Sketch) -> tuple[int, list[int]]:
    """Return the first bin and the counts from there on, numbers of 16 bits.

    A number of 0 to 32,766 is the count of the next bin. 32,767 adds to the count of the next bin
    and stays at it; a negative number skips as many bins.
    """
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
    return first, numbers


def decode_sketch(first: int, numbers: Sequence[int], *, is_exact: bool) -> Sketch:
    """Return the sketch of what ``encode_sketch`` returned."""
    coded = np.asarray(numbers, np.int64)
    steps = np.where(coded < 0, -coded, np.where(coded == _SATURATED, 0, 1))
    places = first + np.cumsum(steps) - steps
    found = coded > 0
    bins, positions = np.unique(places[found], return_inverse=True)
    counts = np.bincount(positions, weights=coded[found], minlength=len(bins))
    return Sketch(bins, counts.astype(np.int64), is_exact)
