"""The number of samples outside the plausible range of their measurement type.

Blocks whose minimum and maximum lie inside the range, or both on one side of it, are counted
without reading their samples, and so are hours whose sketches leave no doubt: an end of the range
that is an end of their bins, such as a whole number up to 256, does not divide a bin. The other
blocks are read; if they hold more than
``MAX_SAMPLES_READ`` samples, the count is extrapolated from blocks spread evenly over the time
range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.queries.samples import fetch_rows, read_samples
from analysis.queries.series import Series
from ingest.measurement_types import Kind
from ingest.storage.value_sketch import CodedSketch, count_outside, decode_sketches
from ingest.time_range import TimeRange

HOUR_MS = 3_600_000
MAX_SAMPLES_READ = 200_000


@dataclass(frozen=True)
class Implausible:
    """Counts of samples below and above the plausible range."""

    below: int
    above: int
    is_exact: bool = True


def count_implausible(series: Series, wanted: TimeRange, kind: Kind) -> Implausible | None:
    """Return the counts for ``wanted``; None if ``kind`` has no plausible range."""
    if kind.plausible_low is None and kind.plausible_high is None:
        return None
    low = -math.inf if kind.plausible_low is None else kind.plausible_low
    high = math.inf if kind.plausible_high is None else kind.plausible_high
    start, end = wanted.within(series.first_ms, series.last_ms)
    first_hour, hours_end = -(-start // HOUR_MS), end // HOUR_MS
    if first_hour >= hours_end:
        return _count_samples(series, start, end, low, high)
    inside = _count_hours(series, (first_hour, hours_end - 1), low, high)
    before = _count_samples(series, start, first_hour * HOUR_MS, low, high)
    after = _count_samples(series, hours_end * HOUR_MS, end, low, high)
    return Implausible(
        before.below + inside.below + after.below,
        before.above + inside.above + after.above,
        inside.is_exact,
    )


def _count_samples(series: Series, start: int, end: int, low: float, high: float) -> Implausible:
    """Count by reading every sample: for the partial hours at both ends of the range."""
    below = above = 0
    for part in read_samples(series, TimeRange(start, end)) if start < end else ():
        below += int((part.value < low).sum())
        above += int((part.value > high).sum())
    return Implausible(below, above)


def _count_hours(series: Series, hours: tuple[int, int], low: float, high: float) -> Implausible:
    """Count in whole hours, from the first to the last of ``hours``, both included."""
    parameters: dict[str, object] = {
        "identity_id": series.identity_id,
        "name": series.name,
        "first_hour": hours[0],
        "last_hour": hours[1],
        "low": low,
        "high": high,
    }
    sketched, hours_counted = _count_sketches(parameters, low, high)
    parameters["counted"] = hours_counted
    below, above, mixed = fetch_rows(_TOTALS, parameters)[0]
    below, above = below + sketched.below, above + sketched.above
    if not mixed:
        return Implausible(below, above)
    step = math.ceil(mixed / MAX_SAMPLES_READ)
    read, read_below, read_above = fetch_rows(_SAMPLED, {**parameters, "step": step})[0]
    scale = mixed / read if read else 0.0
    return Implausible(
        below + round(read_below * scale), above + round(read_above * scale), step == 1
    )


def _count_sketches(
    parameters: dict[str, object], low: float, high: float
) -> tuple[Implausible, list[int]]:
    """Count in the mixed hours whose sketches leave no doubt; return these hours too."""
    below = above = 0
    hours = []
    for hour, is_exact, first, numbers in fetch_rows(_SKETCHES, parameters):
        sketch = decode_sketches([CodedSketch(first, numbers, is_exact)])
        found_below, found_above, unsure = count_outside(sketch, low, high)
        if not unsure:
            below, above = below + found_below, above + found_above
            hours.append(hour)
    return Implausible(below, above), hours


_SKETCHES = """
SELECT s.hour, s.sketch_is_exact, s.sketch_first, s.sketch FROM ingest_hoursummary s
WHERE s.identity_id = %(identity_id)s AND s.name = %(name)s
  AND s.hour BETWEEN %(first_hour)s AND %(last_hour)s AND s.sketch IS NOT NULL
  AND (s.minimum < %(low)s OR s.maximum > %(high)s)
  AND NOT s.maximum < %(low)s AND NOT s.minimum > %(high)s
  AND NOT EXISTS (
      SELECT 1 FROM ingest_sampleblock b
      WHERE b.identity_id = s.identity_id AND b.name = s.name AND b.hour = s.hour
        AND NOT b.compacted)
"""
_IN_HOURS = """
b.identity_id = %(identity_id)s AND b.name = %(name)s
AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s AND b.hour <> ALL(%(counted)s::int[])
"""
_BELOW = "(b.maximum < %(low)s)"
_ABOVE = "(b.minimum > %(high)s)"
_MIXED = f"((b.minimum < %(low)s OR b.maximum > %(high)s) AND NOT {_BELOW} AND NOT {_ABOVE})"
_TOTALS = f"""
SELECT coalesce(sum(b.sample_count) FILTER (WHERE {_BELOW}), 0)::bigint,
       coalesce(sum(b.sample_count) FILTER (WHERE {_ABOVE}), 0)::bigint,
       coalesce(sum(b.sample_count) FILTER (WHERE {_MIXED}), 0)::bigint
FROM ingest_sampleblock b WHERE {_IN_HOURS}
"""  # noqa: S608 - constants only
_SAMPLED = f"""
WITH chosen AS MATERIALIZED (
    SELECT id FROM (
        SELECT b.id, row_number() OVER (ORDER BY b.hour, b.first_ms) AS place
        FROM ingest_sampleblock b WHERE {_IN_HOURS} AND {_MIXED}
    ) AS numbered WHERE place %% %(step)s = %(step)s / 2
)
SELECT count(*), count(*) FILTER (WHERE value < %(low)s), count(*) FILTER (WHERE value > %(high)s)
FROM ingest_sampleblock b JOIN chosen ON chosen.id = b.id, unnest(analytics.block_values(
    b.scale, b.minimum, b."values", b.integers, b.small_integers, b.differences)) AS value
WHERE b.identity_id = %(identity_id)s
"""  # noqa: S608 - constants only
