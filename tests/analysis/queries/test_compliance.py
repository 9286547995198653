"""Covered time of many identities by days: that of their days, in a fixed number of statements."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.db import connection

from analysis.queries import compliance
from analysis.queries.compliance import Coverage, read_coverage
from analysis.queries.days import list_periods, start_of_day
from analysis.queries.samples import fetch_rows
from analysis.queries.series import find_series
from analysis.queries.series_interval import find_interval
from identities.models import Identity
from identities.visibility import EVERYTHING
from ingest.maintenance.compaction import compact
from ingest.measurement_types import find_kind
from tests.analysis.queries.factories import make_series
from tests.ingest.maintenance.factories import make_certificate, make_identity, send

HOUR = 3_600_000
FIRST_DAY = date(2026, 3, 1)
START = start_of_day(FIRST_DAY, ZoneInfo("UTC"))


def edges(zone: str, days: int) -> list[int]:
    dates = [FIRST_DAY - timedelta(days=1) + timedelta(days=number) for number in range(days + 1)]
    return [start_of_day(day, ZoneInfo(zone)) for day in dates]


def coverage_of(identities: list[Identity], zone: str, days: int = 6) -> Coverage:
    numbers = [identity.pk for identity in identities]
    return read_coverage(numbers, "x", find_kind("x"), edges(zone, days))


def check_days(identities: list[Identity]) -> None:
    for zone in ("UTC", "Asia/Kolkata", "America/New_York", "Asia/Kathmandu"):
        found = coverage_of(identities, zone)
        bounds = edges(zone, 6)
        for row, identity in enumerate(identities):
            series = find_series(identity.name, "x", EVERYTHING)
            interval = find_interval(series, find_kind("x"))
            days, _ = list_periods(series, (0, 2**50), ZoneInfo(zone), interval)
            expected = {day.start_ms: (day.samples, day.covered_ms) for day in days}
            for column, start in enumerate(bounds[:-1]):
                samples, covered = expected.get(start, (0, 0))
                assert found.samples[row, column] == samples
                assert found.covered_ms[row, column] == pytest.approx(covered, abs=1)


def test_cells_are_the_days_of_each_identity(own_db: None) -> None:
    steps = {"second": 1_000, "minute": 60_000, "hourly": HOUR, "daily": 24 * HOUR}
    identities = []
    for name, step in steps.items():
        certificate = make_certificate(make_identity(name))
        identities.append(certificate.identity)
        length = 5 * HOUR if name == "second" else 80 * HOUR
        send(certificate, {START + time: 1.0 for time in range(0, length, step)}, "x")
    check_days(identities)
    for identity in identities[:3]:
        compact(identity_id=identity.pk)
    check_days(identities)
    send(make_certificate(identities[1]), {START + 90 * HOUR + 1_000: 2.0}, "x")
    check_days(identities)


@pytest.mark.parametrize("count", [2, 40])
def test_statements_do_not_grow_with_the_identities(
    db: None, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    wards = [Identity.objects.create(name=f"ward-{number}") for number in range(count)]
    for ward in wards:
        make_series(ward, "x", {START + minute * 60_000: 1.0 for minute in range(120)})
    statements = []

    def count_statement(statement: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        statements.append(statement)
        return fetch_rows(statement, parameters)

    monkeypatch.setattr("analysis.queries.compliance.fetch_rows", count_statement)
    found = coverage_of(wards, "Asia/Kolkata")
    assert found.samples.sum() == count * 120
    assert found.is_complete
    assert len(statements) == 5


def test_identities_are_read_some_at_a_time(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    wards = [Identity.objects.create(name=f"ward-{number}") for number in range(7)]
    for number, ward in enumerate(wards):
        make_series(ward, "x", {START + n * 60_000: 1.0 for n in range(30 * number)})
    whole = coverage_of(wards, "Asia/Kolkata")
    monkeypatch.setattr(compliance, "IDENTITIES_PER_READ", 3)
    part = coverage_of(wards, "Asia/Kolkata")
    assert part.samples.tolist() == whole.samples.tolist()
    assert part.covered_ms.tolist() == whole.covered_ms.tolist()
    assert part.is_complete
    # One block waits for compaction in each hour of each: 12 in all.
    for limit in (0, 3, 11):
        monkeypatch.setattr(compliance, "MAX_OPEN_BLOCKS", limit)
        found = coverage_of(wards, "Asia/Kolkata")
        assert not found.is_complete
        assert np.count_nonzero(found.samples.sum(axis=1)) <= limit


def test_identities_are_read_in_one_snapshot(own_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = []

    def record_level(statement: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        levels.extend(fetch_rows("SHOW transaction_isolation", {}))
        return fetch_rows(statement, parameters)

    monkeypatch.setattr(compliance, "fetch_rows", record_level)
    coverage_of([make_identity("ward")], "UTC")
    assert {*levels} == {("repeatable read",)}


def test_hours_are_added_up_from_the_key_alone(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            f"EXPLAIN {compliance._HOURS}",
            {
                "ids": [1, 2],
                "span_ids": [1, 2],
                "span_intervals": [1000.0, None],
                "span_starts": [0, 0],
                "span_ends": [9, 9],
                "name": "x",
                "first_hour": 0,
                "last_hour": 9,
                "starts": [0],
                "divided": [],
                "is_expected": False,
            },
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Only Scan using ingest_hoursummary_pkey" in plan
