"""Summary statistics of a time range, in bounded time and memory.

Up to ``MAX_EXACT_SAMPLES`` all samples are read and every statistic is exact. Beyond that the
summaries of days and hours are merged: count, minimum, maximum, mean, standard deviation and
longest gap are still exact, percentiles have a bound (``analysis.queries.range_statistics``), and
the interval is the median of the hours' medians.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.queries.hour_parts import count_samples, read_hour_samples, read_parts
from analysis.queries.range_statistics import FRACTIONS, RangeStatistics
from analysis.queries.samples import read_samples
from analysis.queries.series import Series
from analysis.queries.statistics import (
    Gap,
    SampleColumns,
    compute_coverage,
    compute_gap_threshold,
    compute_interval,
    concatenate,
    find_longest_gap,
)
from analysis.queries.whole_days import read_days
from ingest.parsing.samples import US_PER_MS
from ingest.storage.hour_summaries import compute_moments
from ingest.storage.value_sketch import MAX_RELATIVE_ERROR, find_rank
from ingest.time_range import TimeRange

MAX_EXACT_SAMPLES = 200_000
# Samples on which the estimated size of exports is based, read from hours spread over the range.
HOURS_SAMPLED, MAX_HOURS_SAMPLED = 16, 64
SAMPLES_WANTED = 60_000


@dataclass(frozen=True)
class Summary:
    """Statistics of the samples in ``[from_ms, to_ms)``; None for those that are undefined.

    Percentiles are nearest rank; each differs from the true one by at most ``percentile_error`` of
    the value. If ``is_exact`` is False, summaries of hours were merged: ``interval_ms`` is the
    median of their medians, and ``opened`` samples were read. ``coverage`` is the fraction (0 to 1)
    of the range that the samples cover. ``gap`` is the longest time without a sample, None unless
    it is longer than ``gap_threshold_ms``.
    """

    from_ms: int
    to_ms: int
    count: int
    is_exact: bool = True
    opened: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    sd: float | None = None
    p5: float | None = None
    median: float | None = None
    p95: float | None = None
    percentile_error: float = 0.0
    interval_ms: float | None = None
    gap: Gap | None = None
    gap_threshold_ms: float = 0.0
    coverage: float | None = None


def summarise_series(
    series: Series, wanted: TimeRange, expected_ms: float | None = None
) -> tuple[Summary, SampleColumns]:
    """Return the statistics and the samples that were read for them.

    ``expected_ms`` is the expected sampling interval; None uses the median of the samples.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    if count_samples(series, start, end) <= MAX_EXACT_SAMPLES:
        samples = concatenate(list(read_samples(series, TimeRange(start, end))))
        return _summarise_exactly(samples, start, end, expected_ms), samples
    return _merge_hours(series, start, end, expected_ms)


def _summarise_exactly(
    samples: SampleColumns, start: int, end: int, expected: float | None
) -> Summary:
    count = len(samples)
    if not count:
        return Summary(start, end, 0, coverage=0.0)
    interval = expected or compute_interval(np.diff(samples.time_us))
    threshold = compute_gap_threshold(interval)
    ordered = np.sort(samples.value)
    low, middle, high = (float(ordered[find_rank(count, each) - 1]) for each in FRACTIONS)
    moments = compute_moments(samples.value)
    return Summary(
        from_ms=start,
        to_ms=end,
        count=count,
        opened=count,
        first_ms=int(samples.time_ms[0]),
        last_ms=int(samples.time_ms[-1]),
        minimum=float(ordered[0]),
        maximum=float(ordered[-1]),
        mean=_clip(moments.mean, float(ordered[0]), float(ordered[-1])),
        sd=moments.sd,
        p5=low,
        median=middle,
        p95=high,
        interval_ms=interval,
        gap=_drop_short_gap(find_longest_gap(samples.time_us), threshold),
        gap_threshold_ms=threshold,
        coverage=compute_coverage(count, interval, end - start),
    )


def _merge_hours(
    series: Series, start: int, end: int, expected: float | None
) -> tuple[Summary, SampleColumns]:
    statistics, opened = _add_up(series, start, end)
    if not len(statistics.rows):
        return Summary(start, end, 0, coverage=0.0), concatenate([])
    step_us = statistics.interval_us()
    interval = expected or (None if step_us is None else step_us / US_PER_MS)
    threshold = compute_gap_threshold(interval)
    moments, percentiles = statistics.moments, statistics.percentiles()
    low, high = statistics.minimum, statistics.maximum
    first_ms, last_ms = statistics.ends_ms()
    hours = statistics.rows["hour"].tolist()
    found = Summary(
        from_ms=start,
        to_ms=end,
        count=statistics.count,
        is_exact=False,
        opened=opened,
        first_ms=first_ms,
        last_ms=last_ms,
        minimum=low,
        maximum=high,
        mean=_clip(moments.mean, low, high),
        sd=moments.sd,
        p5=percentiles.p5,
        median=percentiles.median,
        p95=percentiles.p95,
        percentile_error=0.0 if percentiles.is_exact else MAX_RELATIVE_ERROR,
        interval_ms=interval,
        gap=_drop_short_gap(statistics.longest_gap(), threshold),
        gap_threshold_ms=threshold,
        coverage=compute_coverage(statistics.count, interval, end - start),
    )
    return found, _read_some(series, hours[1:-1] or hours, statistics.count)


def _add_up(series: Series, start: int, end: int) -> tuple[RangeStatistics, int]:
    """Return the statistics of a range, and the number of samples that were read for them."""
    statistics = RangeStatistics()
    opened = 0
    days = read_days(series, start, end)
    statistics.add_days(days)
    without_days = [day.day for day in days]
    for _, part in read_parts(series, [start, end], with_bins=False, without_days=without_days):
        statistics.add(part)
        opened += len(part.samples or ())
    return statistics, opened


def _read_some(series: Series, hours: list[int], count: int) -> SampleColumns:
    """Return the samples of some of ``hours``, spread evenly over them."""
    most = min(MAX_HOURS_SAMPLED, max(HOURS_SAMPLED, SAMPLES_WANTED * len(hours) // count))
    step = max(1, len(hours) // most)
    return concatenate(list(read_hour_samples(series, hours[step // 2 :: step][:most])))


def _clip(mean: float, low: float, high: float) -> float:
    return min(max(mean, low), high)


def _drop_short_gap(gap: Gap | None, threshold: float) -> Gap | None:
    return gap if gap is not None and gap.length_ms > threshold else None
