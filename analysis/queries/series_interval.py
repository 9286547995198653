"""The sampling interval of a series: what one sample stands for.

The measurement type's expected interval, or else the median time between samples in the first 48
hours that have any. New data does not change those hours, so numbers that were shown stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.queries.hour_parts import read_hours
from analysis.queries.range_statistics import RangeStatistics
from analysis.queries.samples import fetch_rows
from analysis.queries.series import Series
from ingest.measurement_types import Kind

FIRST_HOURS = 48
_FIRST_HOURS = """
SELECT DISTINCT b.hour FROM ingest_sampleblock b
WHERE b.identity_id = %(identity_id)s AND b.name = %(name)s ORDER BY b.hour LIMIT %(limit)s
"""
# Of series with one sample in each of these hours.
_STEP = """
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY h.step_ms) FROM (
    SELECT b.first_ms - lag(b.first_ms) OVER (ORDER BY b.first_ms) AS step_ms
    FROM ingest_sampleblock b
    WHERE b.identity_id = %(identity_id)s AND b.name = %(name)s AND b.hour = ANY(%(hours)s)
) AS h WHERE h.step_ms IS NOT NULL
"""


@dataclass(frozen=True)
class Interval:
    """The interval in milliseconds, None for a single sample; expected or measured."""

    ms: float | None
    is_expected: bool


def find_interval(series: Series, kind: Kind) -> Interval:
    """Return the interval of ``series``, whose measurement type is ``kind``."""
    if kind.expected_interval_ms is not None:
        return Interval(kind.expected_interval_ms, is_expected=True)
    parameters: dict[str, object] = {
        "identity_id": series.identity_id,
        "name": series.name,
        "limit": FIRST_HOURS,
    }
    hours = [hour for (hour,) in fetch_rows(_FIRST_HOURS, parameters)]
    found = RangeStatistics()
    for part in read_hours(series, hours):
        found.add(part)
    step_us = found.interval_us()
    if step_us is not None:
        return Interval(step_us / 1000, is_expected=False)
    step_ms = fetch_rows(_STEP, {**parameters, "hours": hours})[0][0]
    return Interval(None if step_ms is None else float(step_ms), is_expected=False)
