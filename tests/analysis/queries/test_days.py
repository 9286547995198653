"""Days in local time: their bounds, and the time that samples stand for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.queries.days import Period, PeriodStatistics, day_of, list_periods, start_of_day
from analysis.queries.series import find_series
from analysis.queries.series_interval import find_interval
from identities.models import Identity
from identities.visibility import EVERYTHING
from ingest.measurement_types import find_kind
from ingest.models import MeasurementType
from tests.analysis.queries.factories import make_series

HOUR = 3_600_000
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/Sao_Paulo",  # midnight is skipped in spring until 2018
    "Atlantic/Azores",  # midnight comes twice in autumn
    "Australia/Lord_Howe",  # the clocks change by half an hour
    "Pacific/Apia",  # has no 30 December 2011
]


def periods(ward: Identity, zone: str, period: Period = "day") -> list[PeriodStatistics]:
    series = find_series(ward.name, "x", EVERYTHING)
    interval = find_interval(series, find_kind("x"))
    bounds = (series.first_ms, series.last_ms + 1)
    found, following = list_periods(series, bounds, ZoneInfo(zone), interval, period=period)
    assert following is None
    return found


def at(text: str, zone: str = "UTC") -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(moment.timestamp()) * 1000


@given(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)), st.sampled_from(ZONES))
def test_every_moment_lies_in_its_day(moment: datetime, name: str) -> None:
    zone, time_ms = ZoneInfo(name), int(moment.replace(tzinfo=UTC).timestamp()) * 1000
    day = day_of(time_ms, zone)
    assert start_of_day(day, zone) <= time_ms < start_of_day(day + timedelta(days=1), zone)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("Atlantic/Azores", "2018-10-28", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Asia/Kathmandu", "2026-04-05", 24),
    ],
)
def test_days_have_the_hours_of_their_clocks(
    ward: Identity, zone: str, day: str, hours: float
) -> None:
    first = at(f"{day}T00:00") - 30 * HOUR
    make_series(ward, "x", {first + minute * 60_000: 1.0 for minute in range(90 * 60)})
    found = {each.date.isoformat(): each for each in periods(ward, zone)}[day]
    assert (found.end_ms - found.start_ms) / HOUR == hours
    assert found.samples == hours * 60
    assert found.covered_ms == hours * HOUR


def test_a_minute_each_hour_covers_a_minute_each_hour(ward: Identity) -> None:
    first = at("2026-03-01T00:00")
    times = [hour * HOUR + second * 1000 for hour in range(24) for second in range(60)]
    make_series(ward, "x", {first + time: 5.0 for time in times})
    (found,) = periods(ward, "UTC")
    assert found.covered_ms == 24 * 60_000
    assert found.resting is None


def test_stray_samples_cover_one_interval_each(ward: Identity) -> None:
    first = at("2026-03-01T00:00")
    worn = {first + second * 1000: 60.0 for second in range(3 * 3600)}
    stray = {first + 30 * HOUR: 60.0, first + 30 * HOUR + 1_700_000: 61.0}
    make_series(ward, "x", worn | stray)
    assert [found.covered_ms for found in periods(ward, "UTC")] == [3 * HOUR, 2000]


def test_a_faster_stretch_is_covered_once(ward: Identity) -> None:
    first = at("2026-03-01T00:00")
    slow = {first + second * 1000: 60.0 for second in range(0, 6 * 3600, 5)}
    fast = {first + 7 * HOUR + second * 1000: 60.0 for second in range(3600)}
    make_series(ward, "x", slow | fast)
    (found,) = periods(ward, "UTC")
    assert found.covered_ms == 7 * HOUR


def test_the_expected_interval_limits_the_covered_time(ward: Identity) -> None:
    first = at("2026-03-01T00:00")
    make_series(ward, "x", {first + second * 1000: 60.0 for second in range(0, 3600, 10)})
    MeasurementType.objects.create(pattern="x", label="X", expected_interval_s=5)
    (found,) = periods(ward, "UTC")
    assert found.covered_ms == HOUR / 2
    assert found.resting is None


def test_the_resting_value_is_the_lowest_full_five_minutes(ward: Identity) -> None:
    first = at("2026-03-01T00:00")
    values = {first + second * 1000: 70.0 for second in range(7200)}
    values |= {first + second * 1000: 52.0 for second in range(1800, 2100)}
    lonely = {first + 5 * HOUR + second * 1000: 40.0 for second in range(179)}
    make_series(ward, "x", values | lonely)
    (found,) = periods(ward, "UTC")
    assert found.resting == 52
    MeasurementType.objects.create(pattern="x", label="X", expected_interval_s=1.5)
    assert periods(ward, "UTC")[0].resting == 40


def test_readings_once_a_day_are_exact(ward: Identity) -> None:
    first = at("2026-03-01T07:00")
    make_series(ward, "x", {first + day * 24 * HOUR: 70 + day / 7 for day in range(60)})
    found = periods(ward, "America/Los_Angeles")
    assert len(found) == 60
    assert [each.median for each in found] == [70 + day / 7 for day in range(60)]
    assert {each.covered_ms for each in found} <= {23 * HOUR, 24 * HOUR}
    assert all(each.sd is None and each.is_exact for each in found)


def test_weeks_and_months_and_hours(ward: Identity) -> None:
    first = at("2026-03-01T00:00")  # a Sunday
    make_series(ward, "x", {first + hour * HOUR // 2: 1.0 for hour in range(40 * 48)})
    months = periods(ward, "UTC", "month")
    assert [month.date for month in months] == [date(2026, 3, 1), date(2026, 4, 1)]
    assert [month.samples for month in months] == [31 * 48, 9 * 48]
    weeks = periods(ward, "UTC", "week")
    assert [week.samples for week in weeks][:2] == [48, 7 * 48]
    assert all(week.date.weekday() == 0 for week in weeks)
    hours = periods(ward, "Asia/Kathmandu", "hour")
    assert {(hour.start_ms - 15 * 60_000) % HOUR for hour in hours} == {0}
    assert sum(hour.samples for hour in hours) == 40 * 48
