"""Statistics of a range, added up from its hours. Pure.

Percentiles are nearest rank. They are exact where all samples were read, or where all values are
ends of bins of the sketches, such as whole numbers up to 256; otherwise they differ from the true
ones by at most ``MAX_RELATIVE_ERROR`` of the value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.queries.hour_parts import HourPart
from analysis.queries.statistics import Gap, Values
from ingest.storage.blocks import HOUR_MS
from ingest.storage.day_summaries import DaySummary, Rows, concatenate_rows, make_rows
from ingest.storage.hour_summaries import BIN_MS, HourSummary, Moments, merge_columns
from ingest.storage.value_sketch import (
    MIN_SAMPLES,
    CodedSketch,
    Sketch,
    decode_sketches,
    estimate_percentiles,
    find_rank,
    merge_sketches,
    sketch_any,
)

FRACTIONS = (0.05, 0.5, 0.95)
RESTING_SHARE = 0.6
# Of ranges with no sketch: beyond this the values become one.
MAX_VALUES_KEPT = 200_000
_SKETCHES_KEPT = 2_000


@dataclass(frozen=True)
class Percentiles:
    """The 5th, 50th and 95th percentile, nearest rank."""

    p5: float
    median: float
    p95: float
    is_exact: bool


class RangeStatistics:
    """Adds up the hours of one range, in any order; holds at least one of them when read."""

    def __init__(self) -> None:
        self._parts: list[HourSummary] = []
        self._rows: list[Rows] = []
        self._coded: list[CodedSketch] = []
        self._merged: list[Sketch] = []
        self._values: list[Values] = []
        self._bins: list[tuple[npt.NDArray[np.int64], Values]] = []

    def add(self, part: HourPart, *, with_bins: bool = False) -> None:
        """Add an hour; ``with_bins`` keeps what ``resting`` needs."""
        summary = part.summary
        self._parts.append(summary)
        if summary.sketch is not None:
            self._add_sketch(summary.sketch)
        elif part.samples is not None:
            self._values.append(part.samples.value)
        if with_bins:
            self._bins.append((summary.bin_samples, part.bin_means))

    def add_days(self, days: Sequence[DaySummary]) -> None:
        """Add the hours of whole days, without what ``resting`` needs."""
        self._rows += [day.rows for day in days]
        for day in days:
            self._add_sketch(day.sketch)

    def _add_sketch(self, sketch: CodedSketch) -> None:
        self._coded.append(sketch)
        if len(self._coded) == _SKETCHES_KEPT:
            self._merged.append(decode_sketches(self._coded))
            self._coded = []

    @cached_property
    def rows(self) -> Rows:
        """Return the hours in order of time, all having been added."""
        rows = concatenate_rows([*self._rows, make_rows(self._parts)])
        return rows[np.lexsort((rows["first_offset_ms"], rows["hour"]))]

    @property
    def count(self) -> int:
        return int(self.rows["sample_count"].sum(dtype=np.int64))

    @property
    def minimum(self) -> float:
        return float(self.rows["minimum"].min())

    @property
    def maximum(self) -> float:
        return float(self.rows["maximum"].max())

    @property
    def moments(self) -> Moments:
        rows = self.rows
        return merge_columns(rows["sample_count"], rows["mean"], rows["m2"])

    def ends_ms(self) -> tuple[int, int]:
        """Return the times of the first and the last sample."""
        first, last = self.rows[0], self.rows[-1]
        return (
            int(first["hour"]) * HOUR_MS + int(first["first_offset_ms"]),
            int(last["hour"]) * HOUR_MS + int(last["last_offset_ms"]),
        )

    def longest_gap(self) -> Gap | None:
        """Return the longest time between two samples; None for a single sample."""
        rows = self.rows
        starts = rows["hour"].astype(np.int64) * HOUR_MS
        first, last = starts + rows["first_offset_ms"], starts + rows["last_offset_ms"]
        # The one before each hour, then the one inside it.
        before = np.append(first[0], last[:-1])
        gaps_from = np.column_stack((before, starts + rows["gap_from_ms"])).ravel()
        gaps_to = np.column_stack((first, starts + rows["gap_to_ms"])).ravel()
        longest = int((gaps_to - gaps_from).argmax())
        if self.count < 2:
            return None
        return Gap(int(gaps_from[longest]), int(gaps_to[longest]))

    def percentiles(self) -> Percentiles:
        sketches = [*self._merged, *([decode_sketches(self._coded)] if self._coded else [])]
        if not sketches and self.count <= MAX_VALUES_KEPT:
            values = np.sort(np.concatenate(self._values))
            p5, median, p95 = (
                float(values[find_rank(len(values), fraction) - 1]) for fraction in FRACTIONS
            )
            return Percentiles(p5, median, p95, is_exact=True)
        sketches += map(sketch_any, self._values)
        merged = sketches[0] if len(sketches) == 1 else merge_sketches(sketches)
        p5, median, p95 = estimate_percentiles(merged, FRACTIONS, self.minimum, self.maximum)
        return Percentiles(p5, median, p95, is_exact=merged.is_exact)

    def interval_us(self) -> int | None:
        """Return the median of the hours' median steps, weighted by samples; None without any."""
        rows = self.rows[self.rows["step_us"] > 0]
        if not len(rows):
            return None
        rows = rows[np.argsort(rows["step_us"], kind="stable")]
        reached = np.cumsum(rows["sample_count"], dtype=np.int64)
        return int(rows["step_us"][np.searchsorted(reached, reached[-1] / 2)])

    def covered_ms(self, interval_ms: float | None, *, is_expected: bool) -> float:
        """Return the time that the samples stand for; see ``covered_by_hour``."""
        count, covered_ms = self.rows["sample_count"], self.rows["covered_ms"]
        interval = interval_ms or 0.0
        return math.fsum(covered_by_hour(count, covered_ms, interval, is_expected=is_expected))

    def resting(self, interval_ms: float | None) -> float | None:
        """Return the lowest mean of the 5-minute bins that hold most of the expected samples."""
        if interval_ms is None or not self._bins:
            return None
        counts = np.concatenate([counts for counts, _ in self._bins])
        means = np.concatenate([means for _, means in self._bins])
        is_full = (counts > 0) & (counts * interval_ms >= RESTING_SHARE * BIN_MS)
        return float(means[is_full].min()) if bool(is_full.any()) else None


def covered_by_hour(
    count: npt.NDArray[np.integer[Any]],
    covered_ms: npt.NDArray[np.integer[Any]],
    interval_ms: float | npt.NDArray[np.float64],
    *,
    is_expected: bool,
) -> npt.NDArray[np.float64]:
    """Return the milliseconds that the samples of each hour stand for.

    ``interval_ms`` is that of the series, one for all hours or one for each; 0 where none is known.
    In an hour of 64 samples and more each stands for the time until the next one, for the median
    step of the hour at most. Few samples say little about their step, so each stands for the
    interval of the series at most; so it is too if its measurement type gives an expected interval.
    A single sample stands for that interval, even if it is longer than an hour.
    """
    limited = np.minimum(covered_ms, count * interval_ms)
    if not is_expected:
        limited = np.where(count >= MIN_SAMPLES, covered_ms, limited)
    return np.where(count == 1, interval_ms, limited)
