"""How many samples of a stretch lie outside the plausible range of their measurement type.

Blocks of whole hours whose summary lies inside the range, or wholly on one side of it, are never
opened. Of the others all are opened up to ``MOST_OPENED`` samples; beyond that, as many spread
evenly over the stretch stand for the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.queries.samples import fetch, read_samples
from analysis.queries.series import Series
from ingest.measurement_types import Kind
from ingest.time_range import TimeRange

HOUR_MS = 3_600_000
MAX_OPENED = 200_000


@dataclass(frozen=True)
class Implausible:
    """Samples less than the least plausible value and greater than the greatest one."""

    below: int
    above: int
    is_exact: bool = True


def count_implausible(series: Series, wanted: TimeRange, kind: Kind) -> Implausible | None:
    """Return what lies outside; None where ``kind`` has no plausible range."""
    if kind.plausible_low is None and kind.plausible_high is None:
        return None
    low = -math.inf if kind.plausible_low is None else kind.plausible_low
    high = math.inf if kind.plausible_high is None else kind.plausible_high
    start, end = wanted.within(series.first_ms, series.last_ms)
    first_hour, hours_end = -(-start // HOUR_MS), end // HOUR_MS
    if first_hour >= hours_end:
        return _count(series, start, end, low, high)
    inside = _count_hours(series, (first_hour, hours_end - 1), low, high)
    before = _count(series, start, first_hour * HOUR_MS, low, high)
    after = _count(series, hours_end * HOUR_MS, end, low, high)
    return Implausible(
        before.below + inside.below + after.below,
        before.above + inside.above + after.above,
        inside.is_exact,
    )


def _count(series: Series, start: int, end: int, low: float, high: float) -> Implausible:
    """Count one by one, in what of an hour lies in the stretch."""
    below = above = 0
    for part in read_samples(series, TimeRange(start, end)) if start < end else ():
        below += int((part.value < low).sum())
        above += int((part.value > high).sum())
    return Implausible(below, above)


def _count_hours(series: Series, hours: tuple[int, int], low: float, high: float) -> Implausible:
    """Count in whole hours, from the first to the last of ``hours``."""
    parameters: dict[str, object] = {
        "identity_id": series.identity_id,
        "name": series.name,
        "first_hour": hours[0],
        "last_hour": hours[1],
        "low": low,
        "high": high,
    }
    below, above, mixed = fetch(_TOTALS, parameters)[0]
    if not mixed:
        return Implausible(below, above)
    step = math.ceil(mixed / MAX_OPENED)
    opened, less, greater = fetch(_OPEN, {**parameters, "step": step})[0]
    share = mixed / opened if opened else 0.0
    return Implausible(below + round(less * share), above + round(greater * share), step == 1)


_IN_HOURS = """
b.identity_id = %(identity_id)s AND b.name = %(name)s
AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s
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
_OPEN = f"""
WITH chosen AS MATERIALIZED (
    SELECT id FROM (
        SELECT b.id, row_number() OVER (ORDER BY b.hour, b.first_ms) AS place
        FROM ingest_sampleblock b WHERE {_IN_HOURS} AND {_MIXED}
    ) AS each WHERE place %% %(step)s = %(step)s / 2
)
SELECT count(*), count(*) FILTER (WHERE value < %(low)s), count(*) FILTER (WHERE value > %(high)s)
FROM ingest_sampleblock b JOIN chosen ON chosen.id = b.id, unnest(b."values") AS value
WHERE b.identity_id = %(identity_id)s
"""  # noqa: S608 - constants only
