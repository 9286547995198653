"""Statistics of a range, added up from its hours. Pure.

Percentiles are nearest rank. They are exact where all samples were read, or where all values are
ends of bins of the sketches, such as whole numbers up to 256; otherwise they differ from the true
ones by at most ``MAX_RELATIVE_ERROR`` of the value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.queries.hour_parts import HourPart
from analysis.queries.statistics import Gap, Values
from ingest.storage.blocks import HOUR_MS
from ingest.storage.hour_summaries import BIN_MS, Moments, merge_moments
from ingest.storage.value_sketch import (
    MIN_SAMPLES,
    CodedSketch,
    Sketch,
    decode_sketches,
    estimate_percentiles,
    find_rank,
    merge_sketches,
    sketch_values,
)

FRACTIONS = (0.05, 0.5, 0.95)
RESTING_SHARE = 0.6
# Of ranges with no sketch: beyond this the values become one.
MAX_VALUES_KEPT = 200_000
_SKETCHES_KEPT = 2_000
_MIN_NORMAL = 2.0**-1022


@dataclass(frozen=True)
class Percentiles:
    """The 5th, 50th and 95th percentile, nearest rank."""

    p5: float
    median: float
    p95: float
    is_exact: bool


class RangeStatistics:
    """Adds up the hours of one range, in ascending order; holds at least one of them when read."""

    def __init__(self) -> None:
        self.count = 0
        self.minimum, self.maximum = np.inf, -np.inf
        self.first_ms = self.last_ms = 0
        self.gap: Gap | None = None
        self._moments: list[Moments] = []
        self._coded: list[CodedSketch] = []
        self._merged: list[Sketch] = []
        self._values: list[Values] = []
        self._hours: list[tuple[int, int, int]] = []  # samples, covered_ms, step_us or 0
        self._bins: list[tuple[npt.NDArray[np.int64], Values]] = []

    def add(self, part: HourPart, *, with_bins: bool = False) -> None:
        """Add an hour; ``with_bins`` keeps what ``resting`` needs."""
        summary = part.summary
        start_ms = summary.hour * HOUR_MS
        self._add_gap(part, start_ms)
        self.last_ms = start_ms + summary.last_offset_ms
        self.count += summary.sample_count
        self.minimum = min(self.minimum, summary.minimum)
        self.maximum = max(self.maximum, summary.maximum)
        self._moments.append(Moments(summary.sample_count, summary.mean, summary.m2))
        self._hours.append((summary.sample_count, summary.covered_ms, summary.step_us or 0))
        if summary.sketch is not None:
            self._coded.append(summary.sketch)
        elif part.samples is not None:
            self._values.append(part.samples.value)
        if with_bins:
            self._bins.append((summary.bin_samples, part.bin_means))
        if len(self._coded) == _SKETCHES_KEPT:
            self._merged.append(decode_sketches(self._coded))
            self._coded = []

    @property
    def moments(self) -> Moments:
        return merge_moments(self._moments)

    def percentiles(self) -> Percentiles:
        """Return the percentiles of all values added."""
        sketches = [*self._merged, *([decode_sketches(self._coded)] if self._coded else [])]
        if not sketches and self.count <= MAX_VALUES_KEPT:
            values = np.sort(np.concatenate(self._values))
            p5, median, p95 = (
                float(values[find_rank(len(values), fraction) - 1]) for fraction in FRACTIONS
            )
            return Percentiles(p5, median, p95, is_exact=True)
        sketches += [_sketch_any(values) for values in self._values]
        merged = merge_sketches(sketches)
        p5, median, p95 = estimate_percentiles(merged, FRACTIONS, self.minimum, self.maximum)
        return Percentiles(p5, median, p95, is_exact=merged.is_exact)

    def interval_us(self) -> int | None:
        """Return the median of the hours' median steps, weighted by samples; None without any."""
        steps = np.array([step for _, _, step in self._hours if step], np.int64)
        weights = np.array([count for count, _, step in self._hours if step], np.int64)
        if not len(steps):
            return None
        order = np.argsort(steps, kind="stable")
        reached = np.cumsum(weights[order])
        return int(steps[order][np.searchsorted(reached, reached[-1] / 2)])

    def covered_ms(self, interval_ms: float | None, *, is_expected: bool) -> float:
        """Return the time that the samples stand for; see ``covered_by_hour``."""
        return sum(
            covered_by_hour(count, covered, interval_ms, is_expected=is_expected)
            for count, covered, _ in self._hours
        )

    def resting(self, interval_ms: float | None) -> float | None:
        """Return the lowest mean of the 5-minute bins that hold most of the expected samples."""
        if interval_ms is None or not self._bins:
            return None
        counts = np.concatenate([counts for counts, _ in self._bins])
        means = np.concatenate([means for _, means in self._bins])
        is_full = (counts > 0) & (counts * interval_ms >= RESTING_SHARE * BIN_MS)
        return float(means[is_full].min()) if bool(is_full.any()) else None

    def _add_gap(self, part: HourPart, start_ms: int) -> None:
        summary = part.summary
        first_ms = start_ms + summary.first_offset_ms
        if not self.count:
            self.first_ms = first_ms
        else:
            self._keep_longer(Gap(self.last_ms, first_ms))
        if summary.gap_from_ms is not None and summary.gap_to_ms is not None:
            self._keep_longer(Gap(start_ms + summary.gap_from_ms, start_ms + summary.gap_to_ms))

    def _keep_longer(self, gap: Gap) -> None:
        if self.gap is None or gap.length_ms > self.gap.length_ms:
            self.gap = gap


def covered_by_hour(
    count: int, covered_ms: int, interval_ms: float | None, *, is_expected: bool
) -> float:
    """Return the milliseconds that the samples of an hour stand for.

    In an hour of 64 samples and more each stands for the time until the next one, for the median
    step of the hour at most. Few samples say little about their step, so each stands for the
    interval of the series at most; so it is too if its measurement type gives an expected interval.
    A single sample stands for that interval, even if it is longer than an hour.
    """
    if count == 1:
        return interval_ms or 0.0
    if count >= MIN_SAMPLES and not is_expected:
        return covered_ms
    return min(float(covered_ms), count * (interval_ms or 0.0))


def _sketch_any(values: Values) -> Sketch:
    """Return the sketch of any values, those below the normal doubles as zero."""
    sketch = sketch_values(np.where(np.abs(values) < _MIN_NORMAL, 0.0, values))
    if sketch is None:
        raise AssertionError("values below the normal doubles were replaced")
    return sketch
