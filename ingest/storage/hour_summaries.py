"""Summaries of an hour of a series, and how they merge. Pure: numpy arrays in, numbers out.

A summary is a function of the samples of its hour alone, whatever blocks hold them: the samples in
order of time are read in one piece. Mean and deviations merge without the loss that sums of squares
have (Chan, Golub and LeVeque, 1979).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.parsing.samples import US_PER_MS
from ingest.storage.blocks import HOUR_MS, HOUR_US
from ingest.storage.value_sketch import (
    MAX_BINS,
    MIN_SAMPLES,
    CodedSketch,
    encode_sketch,
    sketch_values,
)

BINS = 12
BIN_MS = HOUR_MS // BINS
BIN_US = BIN_MS * US_PER_MS


@dataclass(frozen=True, slots=True)
class HourSummary:
    """The samples of one hour in a few numbers; ``hour`` counts from 1970-01-01T00:00Z.

    Offsets are milliseconds from the hour's start, rounded down. ``step_us`` is the median of the
    times between successive samples (the lower of two), ``gap_from_ms`` and ``gap_to_ms`` are the
    samples around the longest one; all three are None for a single sample. ``covered_ms`` is the
    covered time: each sample stands for the time until the next one, for ``step_us`` at most.
    ``m2`` is the sum of squared deviations from the mean. The lists have a number for each of the
    twelve 5-minute bins; ``bin_means`` is 0 where there is no sample.

    An hour of fewer than 64 samples has no ``bin_means`` and no ``sketch``; one whose values need
    more than 2,048 bins has no ``sketch``. Such hours are read again for what is missing.
    """

    hour: int
    sample_count: int
    covered_ms: int
    first_offset_ms: int
    last_offset_ms: int
    step_us: int | None
    gap_from_ms: int | None
    gap_to_ms: int | None
    minimum: float
    maximum: float
    mean: float
    m2: float
    bin_samples: NDArray[np.int64]
    bin_covered_ms: NDArray[np.int64]
    bin_means: NDArray[np.float64] | None
    sketch: CodedSketch | None


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations from the mean."""

    count: int
    mean: float
    m2: float

    @property
    def sd(self) -> float | None:
        """Return the standard deviation of a sample (n - 1); None for fewer than two values."""
        if self.count < 2 or not np.isfinite(self.m2):
            return None
        return float(np.sqrt(self.m2 / (self.count - 1)))


def compute_moments(values: NDArray[np.float64]) -> Moments:
    """Return the moments of at least one value."""
    count = len(values)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values.mean())
        if not np.isfinite(mean):  # the sum exceeds the largest double
            mean = float((values / count).sum())
        deviations = values - mean
        m2 = float(np.square(deviations).sum() - np.square(deviations.sum()) / count)
    return Moments(count, mean, max(0.0, m2) if np.isfinite(m2) else np.inf)


def merge_columns(
    counts: NDArray[np.integer], means: NDArray[np.float64], m2s: NDArray[np.float64]
) -> Moments:
    """Return the moments of all values of one or more parts, in a numerically stable way."""
    total = int(counts.sum(dtype=np.int64))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = means[0] + float((counts * (means - means[0])).sum()) / total
        if not np.isfinite(mean):
            mean = float((means * (counts / total)).sum())
        m2 = float(m2s.sum() + (counts * np.square(means - mean)).sum())
    return Moments(total, float(mean), m2)


def share_time(offsets_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the microseconds that each sample of an hour stands for, by their median step.

    A single sample stands for the whole hour as far as the hour knows; readers take the interval
    of the series for hours of few samples.
    """
    steps = np.diff(offsets_us)
    step = find_lower_median(steps)
    shares: NDArray[np.int64] = np.minimum(
        np.append(steps, HOUR_US), HOUR_US if step is None else step
    )
    return shares


def summarise_hour(
    hour: int,
    offsets_us: NDArray[np.int64],
    values: NDArray[np.float64],
    shares_us: NDArray[np.int64] | None = None,
) -> HourSummary:
    """Return the summary of all samples of an hour, at least one, in order of time.

    Of a part of an hour ``shares_us`` is what ``share_time`` gives for its samples in the hour.
    """
    count = len(values)
    moments = compute_moments(values)
    steps = np.diff(offsets_us)
    step = find_lower_median(steps)
    longest = int(steps.argmax()) if count > 1 else None
    bins = offsets_us // BIN_US
    shares = share_time(offsets_us) if shares_us is None else shares_us
    bin_covered = np.bincount(bins, shares, BINS).astype(np.int64) // US_PER_MS
    bin_samples = np.bincount(bins, minlength=BINS)
    has_many = count >= MIN_SAMPLES
    return HourSummary(
        hour=hour,
        sample_count=count,
        covered_ms=min(HOUR_MS, int(bin_covered.sum())),
        first_offset_ms=int(offsets_us[0]) // US_PER_MS,
        last_offset_ms=int(offsets_us[-1]) // US_PER_MS,
        step_us=step,
        gap_from_ms=None if longest is None else int(offsets_us[longest]) // US_PER_MS,
        gap_to_ms=None if longest is None else int(offsets_us[longest + 1]) // US_PER_MS,
        minimum=float(values.min()),
        maximum=float(values.max()),
        mean=moments.mean,
        m2=moments.m2,
        bin_samples=bin_samples,
        bin_covered_ms=bin_covered,
        bin_means=compute_bin_means(bins, bin_samples, values) if has_many else None,
        sketch=_sketch(values) if has_many else None,
    )


def find_lower_median(steps: NDArray[np.int64]) -> int | None:
    """Return the median, the lower of two; None if there are no ``steps``."""
    if not len(steps):
        return None
    place = (len(steps) - 1) // 2
    return int(np.partition(steps, place)[place])


def compute_bin_means(
    bins: NDArray[np.int64], counts: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean of each bin's values, 0 without any; ``counts`` are those of ``bins``."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.bincount(bins, values - values[0], BINS)  # small numbers keep their digits
        return np.where(counts > 0, values[0] + sums / np.maximum(counts, 1), 0.0)


def _sketch(values: NDArray[np.float64]) -> CodedSketch | None:
    sketch = sketch_values(values)
    return None if sketch is None or len(sketch.bins) > MAX_BINS else encode_sketch(sketch)
