"""A stretch of a series in a few numbers, quickly however long it is, in bounded memory.

Up to ``EXACT_SAMPLES`` everything is read and every number is exact. Beyond that count, least,
greatest and mean still are (blocks carry them), while percentiles, the usual interval and the
longest gap come from up to ``HOURS_OPENED`` hours spread evenly over the stretch, from as many
with most room for a gap, and from the times between blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from analysis.queries.sample_columns import SampleColumns, Times
from analysis.queries.samples import fetch, read_samples, to_block
from analysis.queries.series import Series
from analysis.queries.statistics import (
    Gap,
    coverage,
    gap_threshold,
    join_columns,
    longest_gap,
    percentiles,
    usual_interval,
)
from ingest.time_range import TimeRange

EXACT_SAMPLES = 200_000
HOURS_OPENED = 48


@dataclass(frozen=True)
class Summary:
    """Numbers of the samples in ``[from_ms, to_ms)``; None where there is no such number.

    ``is_exact`` is False where ``p5``, ``median``, ``p95``, ``interval_ms`` and ``gap`` were
    taken from ``opened`` samples only; the true longest gap is then at least ``gap``.
    ``coverage`` is the part (0 to 1) of the stretch for which samples stand. ``gap`` is the
    longest time without a sample, if it is longer than ``gap_threshold_ms``.
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
    """Return the numbers and the samples that were opened for them.

    ``expected_ms`` is the interval at which samples should come; None takes the usual one.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    if _count_at_most(series, start, end) <= EXACT_SAMPLES:
        samples = join_columns(list(read_samples(series, TimeRange(start, end))))
        return _exact(samples, start, end, expected_ms), samples
    return _estimated(series, start, end, expected_ms)


def _exact(samples: SampleColumns, start: int, end: int, expected: float | None) -> Summary:
    count = len(samples)
    if not count:
        return Summary(start, end, 0, coverage=0.0)
    interval = expected or usual_interval(np.diff(samples.time_ms))
    threshold = gap_threshold(interval)
    low, middle, high = percentiles(samples.value) or (None, None, None)
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
        gap=_if_long(longest_gap(samples.time_ms), threshold),
        gap_threshold_ms=threshold,
        coverage=coverage(count, interval, end - start),
    )


# --- Beyond what is read whole ---------------------------------------------------------------

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
_TOTALS_OF = ("count", "first_ms", "last_ms", "minimum", "maximum", "total")
_CUT = f"""
SELECT b.hour, b.encoding, b.offsets_ms, b."values" FROM ingest_sampleblock b
WHERE {_IN_RANGE} AND NOT ({_WHOLE})
"""  # noqa: S608 - constants only
# Blocks of one hour may interleave: a gap starts after the latest sample of all that came before.
_BETWEEN = f"""
SELECT reached, first_ms FROM (
    SELECT b.first_ms, max(b.last_ms) OVER (
        ORDER BY b.first_ms ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM ingest_sampleblock b WHERE {_IN_RANGE} AND {_WHOLE}
) AS each WHERE reached IS NOT NULL ORDER BY first_ms - reached DESC LIMIT 1
"""  # noqa: S608 - constants only
# Hours are opened as a whole, since blocks of one hour fill each other's gaps.
_OPEN = f"""
SELECT b.hour, b.encoding, b.offsets_ms, b."values" FROM ingest_sampleblock b
JOIN ({{hours}}) AS chosen ON chosen.hour = b.hour
WHERE {_IN_RANGE} AND {_WHOLE} ORDER BY b.hour, b.first_ms
"""  # noqa: S608 - constants only
_SPREAD = _OPEN.format(
    hours=f"""
    SELECT hour FROM (
        SELECT b.hour, row_number() OVER (ORDER BY b.hour) AS place
        FROM ingest_sampleblock b WHERE {_IN_RANGE} AND {_WHOLE} GROUP BY b.hour
    ) AS each WHERE place %% %(step)s = %(step)s / 2"""  # noqa: S608 - constants only
)
_ROOMY = _OPEN.format(
    hours=f"""
    SELECT b.hour FROM ingest_sampleblock b WHERE {_IN_RANGE} AND {_WHOLE} GROUP BY b.hour
    ORDER BY max(b.last_ms) - min(b.first_ms) - (sum(b.sample_count) - 1) * %(interval)s::float8
        DESC LIMIT %(opened)s"""  # noqa: S608 - constants only
)


def _count_at_most(series: Series, start: int, end: int) -> int:
    """Return how many samples the blocks hold that reach into the stretch."""
    if start >= end:
        return 0
    return int(fetch(_COUNT, _parameters(series, start, end))[0][0] or 0)


def _estimated(
    series: Series, start: int, end: int, expected: float | None
) -> tuple[Summary, SampleColumns]:
    parameters = _parameters(series, start, end)
    *totals, hours = fetch(_TOTALS, parameters)[0]
    if not hours:
        samples = join_columns(list(read_samples(series, TimeRange(start, end))))
        return _exact(samples, start, end, expected), samples
    whole = dict(zip(_TOTALS_OF, totals, strict=True))
    cut = _read_cut(parameters, start, end)
    most = EXACT_SAMPLES * hours // whole["count"]
    opened = max(1, min(HOURS_OPENED, most))
    step = max(1, hours // opened)
    by_hour = _by_hour(fetch(_SPREAD, {**parameters, "step": step}))
    interval = expected or usual_interval(np.concatenate([np.diff(o.time_ms) for o in by_hour]))
    threshold = gap_threshold(interval)
    between = (whole["first_ms"], whole["last_ms"])
    roomy = {**parameters, "interval": interval or 0.0, "opened": opened}
    gap = _find_gap(roomy, cut.time_ms, *between)
    spread = join_columns(by_hour)
    low, middle, high = percentiles(spread.value) or (None, None, None)
    exactly = _add(whole, cut)
    found = Summary(
        from_ms=start,
        to_ms=end,
        is_exact=False,
        opened=len(spread),
        p5=low,
        median=middle,
        p95=high,
        interval_ms=interval,
        gap=_if_long(gap, threshold),
        gap_threshold_ms=threshold,
        coverage=coverage(exactly["count"], interval, end - start),
        **exactly,
    )
    return found, spread


def _read_cut(parameters: dict[str, object], start: int, end: int) -> SampleColumns:
    """Return the samples of the stretch in the blocks that an end of it cuts through."""
    found = _sort(join_columns([_columns(row) for row in fetch(_CUT, parameters)]))
    inside = slice(*np.searchsorted(found.time_ms, [start, end]))
    return SampleColumns(found.time_ms[inside], found.value[inside])


def _add(whole: dict[str, Any], cut: SampleColumns) -> dict[str, Any]:
    """Return what is known of the whole blocks and of the samples of ``cut`` together."""
    total, count = whole.pop("total"), whole["count"] + len(cut)
    if len(cut):
        total += float(cut.value.sum())
        whole |= {
            "first_ms": min(whole["first_ms"], int(cut.time_ms[0])),
            "last_ms": max(whole["last_ms"], int(cut.time_ms[-1])),
            "minimum": min(whole["minimum"], float(cut.value.min())),
            "maximum": max(whole["maximum"], float(cut.value.max())),
        }
    return whole | {"count": count, "mean": total / count}


def _find_gap(parameters: dict[str, object], cut: Times, first: int, last: int) -> Gap | None:
    between = [Gap(*row) for row in fetch(_BETWEEN, parameters)]
    inside = [longest_gap(hour.time_ms) for hour in _by_hour(fetch(_ROOMY, parameters))]
    inside.append(longest_gap(np.append(cut[cut < first], first)))
    inside.append(longest_gap(np.insert(cut[cut > last], 0, last)))
    gaps = [gap for gap in [*between, *inside] if gap is not None]
    return max(gaps, key=lambda gap: gap.length_ms, default=None)


def _if_long(gap: Gap | None, threshold: float) -> Gap | None:
    return gap if gap is not None and gap.length_ms > threshold else None


def _by_hour(rows: list[tuple[Any, ...]]) -> list[SampleColumns]:
    """Return the samples of each hour, ascending, from its blocks."""
    return [
        _sort(join_columns([_columns(row) for row in blocks]))
        for _, blocks in groupby(rows, key=itemgetter(0))
    ]


def _sort(samples: SampleColumns) -> SampleColumns:
    order = np.argsort(samples.time_ms, kind="stable")
    return SampleColumns(samples.time_ms[order], samples.value[order])


def _columns(row: tuple[Any, ...]) -> SampleColumns:
    block = to_block(row)
    return SampleColumns(block.times, block.values)


def _parameters(series: Series, start: int, end: int) -> dict[str, object]:
    return {
        "identity_id": series.identity_id,
        "name": series.name,
        "from_ms": start,
        "to_ms": end,
    }
