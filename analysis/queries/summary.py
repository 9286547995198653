"""Summary statistics of a time range, in bounded time and memory.

Up to ``MAX_EXACT_SAMPLES`` all samples are read and every statistic is exact. Beyond that, count,
minimum, maximum and mean are still exact, because blocks carry them. Percentiles and the interval
are estimated from up to ``MAX_HOURS_READ`` hours spread evenly over the range. The longest gap is
the longest found in as many hours that can hold the longest gaps, and between blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from analysis.queries.samples import decode_columns, fetch_rows, read_samples
from analysis.queries.series import Series
from analysis.queries.statistics import (
    Gap,
    SampleColumns,
    Times,
    compute_coverage,
    compute_gap_threshold,
    compute_interval,
    compute_percentiles,
    concatenate,
    find_longest_gap,
)
from ingest.parsing.samples import US_PER_MS
from ingest.storage.stored_blocks import COLUMNS
from ingest.time_range import TimeRange

MAX_EXACT_SAMPLES = 200_000
MAX_HOURS_READ = 48


@dataclass(frozen=True)
class Summary:
    """Statistics of the samples in ``[from_ms, to_ms)``; None for those that are undefined.

    If ``is_exact`` is False, ``p5``, ``median``, ``p95``, ``interval_ms`` and ``gap`` are
    estimated from ``opened`` samples, and the true longest gap may be longer than ``gap``.
    ``coverage`` is the fraction (0 to 1) of the range that the samples cover. ``gap`` is the
    longest time without a sample, None unless it is longer than ``gap_threshold_ms``.
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
    p5: float | None = None
    median: float | None = None
    p95: float | None = None
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
    if _count_samples(series, start, end) <= MAX_EXACT_SAMPLES:
        samples = concatenate(list(read_samples(series, TimeRange(start, end))))
        return _summarise_exactly(samples, start, end, expected_ms), samples
    return _estimate_summary(series, start, end, expected_ms)


def _summarise_exactly(
    samples: SampleColumns, start: int, end: int, expected: float | None
) -> Summary:
    count = len(samples)
    if not count:
        return Summary(start, end, 0, coverage=0.0)
    interval = expected or compute_interval(np.diff(samples.time_us))
    threshold = compute_gap_threshold(interval)
    low, middle, high = compute_percentiles(samples.value) or (None, None, None)
    return Summary(
        from_ms=start,
        to_ms=end,
        count=count,
        opened=count,
        first_ms=int(samples.time_ms[0]),
        last_ms=int(samples.time_ms[-1]),
        minimum=float(samples.value.min()),
        maximum=float(samples.value.max()),
        mean=float(samples.value.mean()),
        p5=low,
        median=middle,
        p95=high,
        interval_ms=interval,
        gap=_drop_short_gap(find_longest_gap(samples.time_us), threshold),
        gap_threshold_ms=threshold,
        coverage=compute_coverage(count, interval, end - start),
    )


# --- Ranges too long to be read ---------------------------------------------------------------

_IN_RANGE = """
b.identity_id = %(identity_id)s AND b.name = %(name)s
AND b.hour BETWEEN %(from_ms)s / 3600000 AND (%(to_ms)s - 1) / 3600000
AND b.first_ms < %(to_ms)s AND b.last_ms >= %(from_ms)s
"""
_COUNT = f"SELECT sum(b.sample_count)::bigint FROM ingest_sampleblock b WHERE {_IN_RANGE}"  # noqa: S608
_WHOLE = "b.first_ms >= %(from_ms)s AND b.last_ms < %(to_ms)s"
_TOTALS = f"""
SELECT sum(b.sample_count)::bigint, min(b.first_ms), max(b.last_ms), min(b.minimum),
       max(b.maximum), sum(b.total), count(DISTINCT b.hour)
FROM ingest_sampleblock b WHERE {_IN_RANGE} AND {_WHOLE}
"""  # noqa: S608 - constants only
_TOTALS_COLUMNS = ("count", "first_ms", "last_ms", "minimum", "maximum", "total")
_PARTIAL_BLOCKS = f"""
SELECT {COLUMNS} FROM ingest_sampleblock b
WHERE {_IN_RANGE} AND NOT ({_WHOLE})
"""  # noqa: S608 - constants only
# Blocks of one hour may overlap in time: a gap starts after the last sample of all earlier ones.
_GAP_BETWEEN_BLOCKS = f"""
SELECT reached, first_ms FROM (
    SELECT b.first_ms, max(b.last_ms) OVER (
        ORDER BY b.first_ms ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM ingest_sampleblock b WHERE {_IN_RANGE} AND {_WHOLE}
) AS numbered WHERE reached IS NOT NULL ORDER BY first_ms - reached DESC LIMIT 1
"""  # noqa: S608 - constants only
# Hours are read whole, because blocks of one hour may fill each other's gaps.
_OPEN = f"""
SELECT {COLUMNS} FROM ingest_sampleblock b
JOIN ({{hours}}) AS chosen ON chosen.hour = b.hour
WHERE {_IN_RANGE} AND {_WHOLE} ORDER BY b.hour, b.first_ms
"""  # noqa: S608 - constants only
_SPREAD = _OPEN.format(
    hours=f"""
    SELECT hour FROM (
        SELECT b.hour, row_number() OVER (ORDER BY b.hour) AS place
        FROM ingest_sampleblock b WHERE {_IN_RANGE} AND {_WHOLE} GROUP BY b.hour
    ) AS numbered WHERE place %% %(step)s = %(step)s / 2"""  # noqa: S608 - constants only
)
_LIKELY_GAPS = _OPEN.format(
    hours=f"""
    SELECT b.hour FROM ingest_sampleblock b WHERE {_IN_RANGE} AND {_WHOLE} GROUP BY b.hour
    ORDER BY max(b.last_ms) - min(b.first_ms) - (sum(b.sample_count) - 1) * %(interval)s::float8
        DESC LIMIT %(hours_read)s"""  # noqa: S608 - constants only
)


def _count_samples(series: Series, start: int, end: int) -> int:
    """Return the number of samples in all blocks that overlap the range."""
    if start >= end:
        return 0
    return int(fetch_rows(_COUNT, _parameters(series, start, end))[0][0] or 0)


def _estimate_summary(
    series: Series, start: int, end: int, expected: float | None
) -> tuple[Summary, SampleColumns]:
    parameters = _parameters(series, start, end)
    *totals, hours = fetch_rows(_TOTALS, parameters)[0]
    if not hours:
        samples = concatenate(list(read_samples(series, TimeRange(start, end))))
        return _summarise_exactly(samples, start, end, expected), samples
    whole = dict(zip(_TOTALS_COLUMNS, totals, strict=True))
    partial = _read_partial_blocks(parameters, start, end)
    affordable_hours = MAX_EXACT_SAMPLES * hours // whole["count"]
    hours_read = max(1, min(MAX_HOURS_READ, affordable_hours))
    step = max(1, hours // hours_read)
    by_hour = _group_by_hour(fetch_rows(_SPREAD, {**parameters, "step": step}))
    interval = expected or compute_interval(
        np.concatenate([np.diff(hour.time_us) for hour in by_hour])
    )
    threshold = compute_gap_threshold(interval)
    gap_parameters = {**parameters, "interval": interval or 0.0, "hours_read": hours_read}
    gap = _find_gap(gap_parameters, partial.time_us, whole["first_ms"], whole["last_ms"])
    spread = concatenate(by_hour)
    low, middle, high = compute_percentiles(spread.value) or (None, None, None)
    exact = _add_partial_blocks(whole, partial)
    found = Summary(
        from_ms=start,
        to_ms=end,
        is_exact=False,
        opened=len(spread),
        p5=low,
        median=middle,
        p95=high,
        interval_ms=interval,
        gap=_drop_short_gap(gap, threshold),
        gap_threshold_ms=threshold,
        coverage=compute_coverage(exact["count"], interval, end - start),
        **exact,
    )
    return found, spread


def _read_partial_blocks(parameters: dict[str, object], start: int, end: int) -> SampleColumns:
    """Return the samples of the range in blocks that lie only partly in it."""
    rows = fetch_rows(_PARTIAL_BLOCKS, parameters)
    samples = _sort(concatenate([decode_columns(row) for row in rows]))
    inside = slice(*np.searchsorted(samples.time_us, [start * US_PER_MS, end * US_PER_MS]))
    return SampleColumns(samples.time_us[inside], samples.value[inside])


def _add_partial_blocks(whole: dict[str, Any], partial: SampleColumns) -> dict[str, Any]:
    """Return the exact statistics of the whole blocks and the ``partial`` samples together."""
    total, count = whole.pop("total"), whole["count"] + len(partial)
    if len(partial):
        total += float(partial.value.sum())
        whole |= {
            "first_ms": min(whole["first_ms"], int(partial.time_ms[0])),
            "last_ms": max(whole["last_ms"], int(partial.time_ms[-1])),
            "minimum": min(whole["minimum"], float(partial.value.min())),
            "maximum": max(whole["maximum"], float(partial.value.max())),
        }
    return whole | {"count": count, "mean": total / count}


def _find_gap(
    parameters: dict[str, object], partial: Times, first_ms: int, last_ms: int
) -> Gap | None:
    between = [Gap(*row) for row in fetch_rows(_GAP_BETWEEN_BLOCKS, parameters)]
    inside = [
        find_longest_gap(hour.time_us)
        for hour in _group_by_hour(fetch_rows(_LIKELY_GAPS, parameters))
    ]
    first, last = first_ms * US_PER_MS, last_ms * US_PER_MS
    inside.append(find_longest_gap(np.append(partial[partial < first], first)))
    inside.append(find_longest_gap(np.insert(partial[partial > last], 0, last)))
    gaps = [gap for gap in [*between, *inside] if gap is not None]
    return max(gaps, key=lambda gap: gap.length_ms, default=None)


def _drop_short_gap(gap: Gap | None, threshold: float) -> Gap | None:
    return gap if gap is not None and gap.length_ms > threshold else None


def _group_by_hour(rows: list[tuple[Any, ...]]) -> list[SampleColumns]:
    """Return the samples of each hour, ascending; ``rows`` are blocks in order of hour."""
    return [
        _sort(concatenate([decode_columns(row) for row in blocks]))
        for _, blocks in groupby(rows, key=itemgetter(0))
    ]


def _sort(samples: SampleColumns) -> SampleColumns:
    order = np.argsort(samples.time_us, kind="stable")
    return SampleColumns(samples.time_us[order], samples.value[order])


def _parameters(series: Series, start: int, end: int) -> dict[str, object]:
    return {
        "identity_id": series.identity_id,
        "name": series.name,
        "from_ms": start,
        "to_ms": end,
    }
