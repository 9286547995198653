"""Statistics of local days, and of longer and shorter periods, in any time zone.

A day lasts from one local midnight to the next: 23 or 25 hours when the clocks change. Periods
without a sample are left out.
"""

from __future__ import annotations

import functools
import zoneinfo
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Literal, get_args

from analysis.queries.hour_parts import read_parts
from analysis.queries.range_statistics import RangeStatistics
from analysis.queries.series import Series
from analysis.queries.series_interval import Interval
from ingest.storage.blocks import HOUR_MS

Period = Literal["hour", "day", "week", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)
MAX_PERIODS = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_MS = timedelta(milliseconds=1)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class PeriodStatistics:
    """A period with at least one sample: its bounds (epoch milliseconds) and its statistics.

    ``covered_ms`` is the time that the samples stand for. ``resting`` is the lowest mean of the
    5-minute bins that hold at least 60 % of the expected samples, None without one.
    """

    start_ms: int
    end_ms: int
    date: date
    samples: int
    covered_ms: float
    minimum: float
    maximum: float
    mean: float
    sd: float | None
    p5: float
    median: float
    p95: float
    resting: float | None
    is_exact: bool

    @property
    def covered_seconds(self) -> float:
        return self.covered_ms / 1000


@functools.cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def find_zone(name: str) -> zoneinfo.ZoneInfo | None:
    """Return the IANA time zone ``name``, None if there is none."""
    return zoneinfo.ZoneInfo(name) if name in _zone_names() else None


def start_of_day(day: date, zone: zoneinfo.ZoneInfo) -> int:
    """Return the first moment of a local day, epoch milliseconds.

    Where the clocks skip midnight, the day begins when they are put forward.
    """
    return (datetime.combine(day, time(), zone).astimezone(UTC) - _EPOCH) // _ONE_MS


def day_of(time_ms: int, zone: zoneinfo.ZoneInfo) -> date:
    """Return the local day of a moment; the last day of the calendar for later ones."""
    try:
        return (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone).date()
    except OverflowError:
        return date.max - _ONE_DAY


def list_periods(
    series: Series,
    bounds_ms: tuple[int, int],
    zone: zoneinfo.ZoneInfo,
    interval: Interval,
    *,
    period: Period = "day",
    limit: int = MAX_PERIODS,
) -> tuple[list[PeriodStatistics], date | None]:
    """Return the first ``limit`` periods with samples, and the day of the next one.

    ``bounds_ms`` are the first moment and the one after the last; periods that they divide count
    the samples between them.
    """
    start = max(bounds_ms[0], series.first_ms)
    end = min(bounds_ms[1], series.last_ms + 1)
    found: list[PeriodStatistics] = []
    if start >= end:
        return found, None
    edges = list(_edges(start, end, zone, period))
    limits = [start, *(edge for edge in edges if start < edge < end), end]
    parts = read_parts(series, limits)
    for number, group in groupby(parts, key=itemgetter(0)):
        if len(found) == limit:
            return found, day_of(limits[number], zone)
        statistics = RangeStatistics()
        for _, part in group:
            statistics.add(part, with_bins=True)
        place = bisect_right(edges, limits[number])
        found.append(_describe(statistics, edges[place - 1], edges[place], zone, interval))
    return found, None


def _describe(
    statistics: RangeStatistics,
    start_ms: int,
    end_ms: int,
    zone: zoneinfo.ZoneInfo,
    interval: Interval,
) -> PeriodStatistics:
    moments, percentiles = statistics.moments, statistics.percentiles()
    covered = statistics.covered_ms(interval.ms, is_expected=interval.is_expected)
    return PeriodStatistics(
        start_ms=start_ms,
        end_ms=end_ms,
        date=day_of(start_ms, zone),
        samples=statistics.count,
        covered_ms=min(covered, end_ms - start_ms),
        minimum=statistics.minimum,
        maximum=statistics.maximum,
        mean=min(max(moments.mean, statistics.minimum), statistics.maximum),
        sd=moments.sd,
        p5=percentiles.p5,
        median=percentiles.median,
        p95=percentiles.p95,
        resting=statistics.resting(interval.ms),
        is_exact=percentiles.is_exact,
    )


def _edges(start_ms: int, end_ms: int, zone: zoneinfo.ZoneInfo, period: Period) -> Iterator[int]:
    """Yield the bounds of all periods with a part between two moments, the last one's end too."""
    if period == "hour":
        # Where the offset is not a whole number of hours, local hours begin inside UTC hours.
        offset = _offset_ms(start_ms, zone) % HOUR_MS
        yield from range(
            (start_ms + offset) // HOUR_MS * HOUR_MS - offset, end_ms + HOUR_MS, HOUR_MS
        )
        return
    day = _begin(day_of(start_ms, zone), period)
    while True:
        edge = start_of_day(day, zone)
        yield edge
        if edge >= end_ms:
            return
        day = _next(day, period)


def _offset_ms(time_ms: int, zone: zoneinfo.ZoneInfo) -> int:
    moment = (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone)
    return (moment.utcoffset() or timedelta()) // _ONE_MS


def _begin(day: date, period: Period) -> date:
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def _next(day: date, period: Period) -> date:
    if period == "month":
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if period == "week" else 1)


def read_period(text: str) -> Period:
    """Return ``text`` as a period, ``day`` if it is none."""
    return next((period for period in PERIODS if period == text), "day")
