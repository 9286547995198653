"""Every number of the analysis API and of SQL is that of an independent computation.

It is also the same before and after compaction and rebuild.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from analysis.queries import summary
from identities.models import Identity
from ingest.maintenance.compaction import compact
from ingest.maintenance.rebuild import rebuild_series
from tests.analysis.conftest import Get, make_getter
from tests.analysis.queries.independent_numbers import describe, describe_days, read_export
from tests.ingest.maintenance.factories import make_certificate, make_identity, send
from tests.support.database import connection_to, new_database
from tests.support.examples import one_in

DATA = Path(__file__).parent.parent.parent / "data"
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Los_Angeles"]
ROUNDED = ("mean", "sd", "resting", "covered_seconds")
PERCENTILES = ("p5", "median", "p95")


def simulated() -> dict[int, float]:
    """Return five days around a change of the clocks, every 5 s, with exercise and pauses."""
    generator = np.random.default_rng(11)
    times = np.arange(0, 5 * 86_400, 5)
    values = generator.normal(62, 5, len(times))
    for start, length, rate in ((30_000, 9_000, 150), (200_000, 7_200, 165), (390_000, 3_600, 140)):
        bout = (times >= start) & (times < start + length)
        values[bout] = generator.normal(rate, 8, int(bout.sum()))
    worn = (times % 50_000 > 8_000) | (times > 300_000)
    first = int(datetime(2026, 3, 27, tzinfo=UTC).timestamp())
    moments = ((times[worn] + first) * 1000).tolist()
    return dict(zip(moments, values[worn].round(2).tolist(), strict=True))


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Give a database, to be copied, with an identity that the tests read.

    It has two recordings, a simulated stretch and readings once a minute.
    """
    with new_database() as name:
        with django_db_blocker.unblock(), connection_to(name):
            _fill()
        yield name


def _fill() -> None:
    certificate = make_certificate(make_identity("number"))
    for name in ("hr_measurement", "ibi_measurement"):
        send(certificate, (DATA / f"{name}_2019_06_11").read_bytes(), name)
    samples = list(simulated().items())
    for start in range(0, len(samples), 30_000):
        send(certificate, dict(samples[start : start + 30_000]), "simulated")
    first = samples[0][0]
    minutes = {first + 60_000 * minute: 36.1 + minute % 17 / 10 for minute in range(3_000)}
    send(certificate, minutes, "temperature")


@pytest.fixture
def device(filled: str, django_db_blocker: DjangoDbBlocker) -> Iterator[Identity]:
    with django_db_blocker.unblock(), new_database(filled) as name, connection_to(name):
        yield Identity.objects.get()


@pytest.fixture
def get(device: Identity) -> Get:
    return make_getter()


def compare(found: dict[str, Any], expected: dict[str, Any], percentiles: float) -> None:
    for key, value in expected.items():
        if key in PERCENTILES:
            assert found[key] == pytest.approx(value, rel=percentiles), key
        elif key in ROUNDED:
            assert found[key] == (None if value is None else pytest.approx(value, rel=1e-9)), key
        else:
            assert found[key] == value, key


def days_by_sql(identity: str, name: str, zone: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM analytics.days(%s, %s, '2000-01-01', '2030-01-01', %s)",
            [identity, name, zone],
        )
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return [{**row, "date": row["date"].isoformat()} for row in rows]


@pytest.mark.parametrize(
    ("name", "interval_ms"),
    [("hr_measurement", 1000), ("simulated", 5000), ("temperature", 60_000)],
)
def test_days_are_those_of_the_exported_samples(
    device: Identity, get: Get, name: str, interval_ms: float
) -> None:
    path = f"series/{device.name}/{name}"
    times, values = read_export(b"".join(get(f"{path}/samples")).decode())
    for is_compacted in (False, True):
        if is_compacted:
            compact(identity_id=device.pk)
        for zone in one_in(4, ZONES, first=1 + 2 * is_compacted):
            expected = describe_days(times, values, zone, interval_ms)
            found = get(f"{path}/days", timezone=zone).json()
            assert found["next"] is None
            assert [day["date"] for day in found["results"]] == [day["date"] for day in expected]
            by_sql = days_by_sql(device.name, name, zone)
            for day, sql_day, true_day in zip(found["results"], by_sql, expected, strict=True):
                compare(day, true_day, percentiles=1 / 256)
                compare(sql_day, day, percentiles=1e-12)


def test_the_summary_is_that_of_the_exported_samples(
    device: Identity, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact(identity_id=device.pk)
    for name in ("hr_measurement", "ibi_measurement", "simulated", "temperature"):
        path = f"series/{device.name}/{name}"
        times, values = read_export(b"".join(get(f"{path}/samples")).decode())
        gaps = np.diff(np.floor(times))
        expected = describe(values)
        expected["count"] = expected.pop("samples")
        monkeypatch.undo()
        for most in (summary.MAX_EXACT_SAMPLES, 100):
            monkeypatch.setattr(summary, "MAX_EXACT_SAMPLES", most)
            found = get(f"{path}/summary").json()
            compare(found, expected, percentiles=found["percentile_error"] or 1e-15)
            if name == "simulated" and most == 100:
                assert found["percentile_error"] == 1 / 256
            gap = found["longest_gap"]
            assert gap is None or gap["length_ms"] == gaps.max()
            assert (found["first_ms"], found["last_ms"]) == (times[0] // 1, times[-1] // 1)


def test_buckets_are_those_of_the_exported_samples(device: Identity, get: Get) -> None:
    path = f"series/{device.name}/simulated"
    times, values = read_export(b"".join(get(f"{path}/samples")).decode())
    compact(identity_id=device.pk)
    for width in (10, 200, 3_000):
        body = get(f"{path}/buckets", width=width).json()
        starts = times // body["width_ms"] * body["width_ms"]
        assert [bucket["time_ms"] for bucket in body["buckets"]] == np.unique(starts).tolist()
        for bucket in body["buckets"]:
            inside = values[starts == bucket["time_ms"]]
            assert (bucket["min"], bucket["max"]) == (inside.min(), inside.max())
            assert bucket["mean"] == pytest.approx(inside.mean(), rel=1e-12)
            assert bucket["count"] == len(inside)


def test_maintenance_changes_no_number(
    device: Identity, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "MAX_EXACT_SAMPLES", 10_000)
    path = f"series/{device.name}/simulated"

    def numbers() -> list[Any]:
        days = [get(f"{path}/days", timezone=zone).json() for zone in one_in(2, ZONES)]
        found = get(f"{path}/summary").json()
        for changing in ("opened", "bytes"):
            del found[changing]
        buckets = [get(f"{path}/buckets", width=width).json() for width in (10, 200, 3_000)]
        return [*days, found, *buckets]

    before = numbers()
    steps: list[Callable[[], Any]] = [
        lambda: compact(identity_id=device.pk),
        lambda: rebuild_series(device.pk, "simulated"),
        lambda: compact(identity_id=device.pk),
    ]
    for step in steps:
        step()
        assert numbers() == before
