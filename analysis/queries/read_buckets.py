"""Buckets of a series for charts, from the summaries of its hours or from its samples.

Buckets of less than an hour are made from the samples. Wider ones consist of whole hours, which
are counted by the summaries of days and hours; the samples are read of hours that an end of the
range divides, and of those that are not compacted yet. If the latter hold more than
``MAX_OPEN_SAMPLES``, they are counted by the totals of their blocks, which differ from the
summaries in the last digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.queries.buckets import (
    DENSE_SAMPLES_PER_SECOND,
    FINEST_MS,
    Buckets,
    choose_width,
    make_buckets,
    merge_buckets,
)
from analysis.queries.hour_parts import read_hour_samples
from analysis.queries.samples import fetch_rows, read_samples
from analysis.queries.series import Series
from analysis.queries.statistics import SampleColumns
from analysis.queries.whole_days import list_spans, read_days
from ingest.parsing.samples import US_PER_MS
from ingest.storage.blocks import HOUR_MS
from ingest.storage.day_summaries import DaySummary, Rows, concatenate_rows
from ingest.storage.hour_summaries import compute_moments
from ingest.time_range import TimeRange

MAX_OPEN_SAMPLES = 2_000_000
_HOUR = np.dtype(
    [
        ("hour", "i8"),
        ("sample_count", "i8"),
        ("minimum", "f8"),
        ("maximum", "f8"),
        ("mean", "f8"),
    ]
)

_IN_HOURS = """
b.identity_id = %(identity_id)s AND b.name = %(name)s
AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s
"""
# One statement, so that a compaction between two does not hide an hour.
_HOURS = f"""
WITH open AS (
    SELECT DISTINCT b.hour FROM ingest_sampleblock b WHERE {_IN_HOURS} AND NOT b.compacted
)
SELECT p.hour, s.sample_count, s.minimum, s.maximum, s.mean
FROM (
    SELECT DISTINCT b.hour FROM ingest_sampleblock b
    WHERE {_IN_HOURS} AND b.hour / 24 <> ALL(%(without_days)s::int[])
) AS p
LEFT JOIN ingest_hoursummary s
  ON s.identity_id = %(identity_id)s AND s.name = %(name)s AND s.hour = p.hour
 AND NOT EXISTS (SELECT 1 FROM open o WHERE o.hour = p.hour)
ORDER BY p.hour
"""  # noqa: S608 - constants only
_DENSITY = f"""
SELECT sum(b.sample_count)::bigint, sum(b.last_ms - b.first_ms + 1000)::bigint
FROM ingest_sampleblock b
WHERE {_IN_HOURS} AND b.first_ms < %(to_ms)s AND b.last_ms >= %(from_ms)s
"""  # noqa: S608 - constants only
# A power of two, so that the sum of totals stays a double and no digit changes.
_SCALE = f"{2.0**60:.1f}"
_TOTALS = f"""
SELECT b.hour, sum(b.sample_count)::bigint, min(b.minimum), max(b.maximum),
       sum(b.total / {_SCALE}) FILTER (WHERE abs(b.total) < 'Infinity')
         / sum(b.sample_count) * {_SCALE},
       bool_and(abs(b.total) < 'Infinity')
FROM ingest_sampleblock b WHERE {_IN_HOURS} AND b.hour = ANY(%(hours)s) GROUP BY b.hour
ORDER BY b.hour
"""  # noqa: S608 - constants only


def read_buckets(series: Series, wanted: TimeRange, max_buckets: int) -> tuple[int, Buckets]:
    """Return the width in milliseconds and at most ``max_buckets`` buckets of ``wanted``."""
    start, end = wanted.within(series.first_ms, series.last_ms)
    width_ms = choose_width(start, end, max_buckets)
    if start >= end:
        return width_ms, merge_buckets([])
    if width_ms == FINEST_MS and _is_dense(series, start, end):
        width_ms = choose_width(start, end, max_buckets, is_dense=True)
    if width_ms < HOUR_MS:
        parts = (
            make_buckets(samples.time_us, samples.value, width_ms)
            for samples in read_samples(series, TimeRange(start, end))
        )
        return width_ms, merge_buckets(list(parts))
    return width_ms, _read_hours(series, start, end, width_ms)


def _is_dense(series: Series, start: int, end: int) -> bool:
    """Return whether blocks that overlap the range have more samples than some a second."""
    parameters: dict[str, object] = {
        "identity_id": series.identity_id,
        "name": series.name,
        "first_hour": start // HOUR_MS,
        "last_hour": (end - 1) // HOUR_MS,
        "from_ms": start,
        "to_ms": end,
    }
    count, length_ms = fetch_rows(_DENSITY, parameters)[0]
    return bool(count) and count * 1000 > DENSE_SAMPLES_PER_SECOND * length_ms


def _read_hours(series: Series, start: int, end: int, width_ms: int) -> Buckets:
    parameters: dict[str, Any] = {
        "identity_id": series.identity_id,
        "name": series.name,
        "first_hour": start // HOUR_MS,
        "last_hour": (end - 1) // HOUR_MS,
    }
    divided = {edge // HOUR_MS for edge in (start, end) if edge % HOUR_MS}
    days = read_days(series, start, end)
    without_days = [day.day for day in days]
    rows = []
    for span in list_spans(parameters["first_hour"], parameters["last_hour"], without_days):
        given = {"first_hour": span[0], "last_hour": span[1], "without_days": without_days}
        rows += fetch_rows(_HOURS, parameters | given)
    found = [row for row in rows if row[1] is not None and row[0] not in divided]
    open_hours = [row[0] for row in rows if row[1] is None and row[0] not in divided]
    totals = fetch_rows(_TOTALS, {**parameters, "hours": open_hours}) if open_hours else []
    if sum(row[1] for row in totals) > MAX_OPEN_SAMPLES:
        # Of values so huge that their sum is no double the samples are read.
        found += [row[:5] for row in totals if row[5]]
        open_hours = [row[0] for row in totals if not row[5]]
    read = sorted(divided & {row[0] for row in rows} | {*open_hours})
    for hour, samples in zip(read, read_hour_samples(series, read), strict=True):
        inside = slice(*np.searchsorted(samples.time_us, [start * US_PER_MS, end * US_PER_MS]))
        part = SampleColumns(samples.time_us[inside], samples.value[inside])
        if len(part):
            found.append(_summarise(hour, part))
    # In the order of hours, on which the last digits of a sum depend.
    return merge_buckets([_to_buckets(np.array(found, _HOUR), days, width_ms)])


def _summarise(hour: int, part: SampleColumns) -> tuple[int, int, float, float, float]:
    values = part.value
    return hour, len(part), values.min(), values.max(), compute_moments(values).mean


def _to_buckets(hours: Rows, days: Sequence[DaySummary], width_ms: int) -> Buckets:
    """Return buckets of ``hours`` and of those of ``days``, one for each."""
    parts = [hours, concatenate_rows([day.rows for day in days])]

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([part[name] for part in parts])

    number = column("hour")
    order = np.argsort(number, kind="stable")
    return Buckets(
        time_ms=number[order].astype(np.int64) * HOUR_MS // width_ms * width_ms,
        minimum=column("minimum")[order],
        maximum=column("maximum")[order],
        mean=column("mean")[order],
        count=column("sample_count")[order].astype(np.int64),
    )
