"""Days that divide hours have the same numbers in SQL as in Python, before and after compaction."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection

from analysis.queries.compliance import read_coverage
from analysis.queries.days import find_zone, start_of_day
from ingest.maintenance.compaction import compact
from ingest.measurement_types import find_kind
from tests.analysis.conftest import Get, make_getter
from tests.ingest.maintenance.factories import make_certificate, make_identity, send

ZONES = ("Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin")
FIRST_MS = 1_774_828_800_000  # four days before the clocks of Lord Howe go back
HOUR_MS = 3_600_000


def make_samples() -> dict[int, float]:
    """Return a week with hours of all numbers of samples, at steps that differ inside an hour."""
    generator = np.random.default_rng(3)
    samples: dict[int, float] = {}
    for hour in range(7 * 24):
        count = int(generator.choice([0, 1, 30, 70, 130, 400, 1200]))
        offsets = np.sort(generator.choice(HOUR_MS, count, replace=False))
        if hour % 3 == 0:  # dense in one half, sparse in the other
            offsets = np.where(offsets < HOUR_MS // 2, offsets, HOUR_MS // 2 + offsets // 40)
        scale = [1.0, 1e9, -1e-3, 0.0][hour // 24 % 4]
        values = generator.normal(70, 9, count).round(hour % 3) * scale
        times = (FIRST_MS + hour * HOUR_MS + offsets).tolist()
        samples.update(zip(times, values.tolist(), strict=True))
    return samples


def days_by_sql(identity: str, zone: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM analytics.days(%s, 'hr', '2020-01-01', '2030-01-01', %s)",
            [identity, zone],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def days_by_api(get: Get, identity: str, zone: str) -> list[list[Any]]:
    days = get(f"series/{identity}/hr/days", timezone=zone).json()["results"]
    return [list(day.values()) for day in days]


def test_divided_hours_have_the_same_numbers_everywhere(own_db: None) -> None:
    get = make_getter()
    certificate = make_certificate(make_identity("divided"))
    samples = make_samples()
    send(certificate, samples)
    identity = certificate.identity.name
    before = {zone: days_by_api(get, identity, zone) for zone in ZONES}
    assert [by_sql(identity, zone) for zone in ZONES] == [approx(before[zone]) for zone in ZONES]
    compact(identity_id=certificate.identity_id)
    assert {zone: days_by_api(get, identity, zone) for zone in ZONES} == before
    assert [by_sql(identity, zone) for zone in ZONES] == [approx(before[zone]) for zone in ZONES]
    assert {sum(day[1] for day in days) for days in before.values()} == {len(samples)}


def by_sql(identity: str, zone: str) -> list[list[Any]]:
    return [[day[0].isoformat(), *day[1:]] for day in days_by_sql(identity, zone)]


def approx(days: list[list[Any]]) -> list[list[Any]]:
    return [
        [
            value if isinstance(value, str | None) else pytest.approx(value, rel=1e-9)
            for value in day
        ]
        for day in days
    ]


def test_compliance_has_the_covered_time_of_the_days(own_db: None) -> None:
    certificate = make_certificate(make_identity("covered"))
    send(certificate, make_samples())
    compact(identity_id=certificate.identity_id)
    get, zone = make_getter(), find_zone(ZONES[0])
    assert zone is not None
    days = get(f"series/{certificate.identity.name}/hr/days", timezone=zone.key).json()["results"]
    dates = [date.fromisoformat(day["date"]) for day in days]
    edges = [start_of_day(day, zone) for day in [*dates, dates[-1] + timedelta(days=1)]]
    found = read_coverage([certificate.identity_id], "hr", find_kind("hr"), edges)
    covered = [day["covered_seconds"] for day in days]
    assert (found.covered_ms[0] / 1000).tolist() == pytest.approx(covered)
    assert found.samples[0].tolist() == [day["samples"] for day in days]
