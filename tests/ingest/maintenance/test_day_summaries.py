"""The summary of a day is made of its hours, and no command leaves one that is outdated."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from django.db import connection

from ingest.maintenance import day_rollup
from ingest.maintenance.compaction import compact
from ingest.maintenance.deletion import delete_before
from ingest.maintenance.rebuild import rebuild_series
from ingest.maintenance.verification import verify_series
from ingest.maintenance.withdrawal import withdraw
from ingest.models import DataDeletion, DaySummary, DeviceCertificate, Measurement
from ingest.storage import block_store, summary_store
from ingest.storage.blocks import MAX_SAMPLES
from ingest.storage.value_sketch import decode_sketches
from tests.ingest.maintenance.factories import (
    DAY_MS,
    HOUR_MS,
    make_certificate,
    make_identity,
    send,
)
from tests.support.database import database_address

DAY = 20_000
MIDNIGHT = DAY * DAY_MS
STEP_MS = 30_000


@pytest.fixture
def certificate(live_db: None) -> DeviceCertificate:
    """Give a device with two compacted days, a file for each, and an hour of ten samples."""
    certificate = make_certificate(make_identity())
    for start in (MIDNIGHT, MIDNIGHT + DAY_MS):
        times = [*range(start, start + 20 * HOUR_MS, STEP_MS)]
        times += range(start + 22 * HOUR_MS, start + 22 * HOUR_MS + 10 * STEP_MS, STEP_MS)
        send(certificate, {time: 60 + time // STEP_MS % 37 / 8 for time in times})
    compact(identity_id=certificate.identity_id)
    return certificate


def stored_days(certificate: DeviceCertificate) -> set[int]:
    days = summary_store.read_days(certificate.identity_id, "hr", DAY, DAY + 1)
    return {day.day - DAY for day in days}


def is_clean(certificate: DeviceCertificate) -> bool:
    return verify_series(certificate.identity_id, "hr").is_clean


def test_a_day_has_its_hours_and_all_values(certificate: DeviceCertificate) -> None:
    day, _ = summary_store.read_days(certificate.identity_id, "hr", DAY, DAY + 1)
    hours = summary_store.read_summaries(certificate.identity_id, "hr", DAY * 24, DAY * 24 + 23)
    assert day.rows["hour"].tolist() == [DAY * 24 + hour for hour in [*range(20), 22]]
    for name in ("sample_count", "covered_ms", "minimum", "mean", "m2", "step_us", "gap_to_ms"):
        assert day.rows[name].tolist() == [getattr(hour, name) for hour in hours], name
    assert int(decode_sketches([day.sketch]).counts.sum()) == 20 * 120 + 10


def test_a_day_with_an_hour_without_summary_has_none(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.maintenance.compaction.MAX_BLOCKS_AT_ONCE", 3)
    start = MIDNIGHT + 21 * HOUR_MS
    times = (f"{start + n // 1000}.{n % 1000:03}" for n in range(5 * MAX_SAMPLES))
    send(certificate, "".join(f"{time},7\n" for time in times).encode())
    compact(identity_id=certificate.identity_id)
    assert not summary_store.find_open_hours(certificate.identity_id, "hr", DAY * 24, DAY * 24 + 23)
    assert stored_days(certificate) == {1}
    assert is_clean(certificate)


def add_samples(certificate: DeviceCertificate) -> None:
    send(certificate, {MIDNIGHT + 1000 * second: 7.0 for second in range(1, 20)})


def withdraw_a_file(certificate: DeviceCertificate) -> None:
    first = Measurement.objects.filter(identity=certificate.identity_id).earliest("id")
    withdraw(first, by="ada", reason="a mistake")


def prune(certificate: DeviceCertificate) -> None:
    record = DataDeletion.objects.create(kind="prune", identity_number=certificate.identity_id)
    list(delete_before(certificate.identity_id, "hr", DAY * 24 + 2, record))


def rebuild(certificate: DeviceCertificate) -> None:
    rebuild_series(certificate.identity_id, "hr")


@pytest.mark.parametrize(
    ("change", "left"),
    [(add_samples, {1}), (withdraw_a_file, {1}), (prune, {1}), (rebuild, set())],
)
def test_a_changed_day_is_read_by_its_hours_until_compaction(
    certificate: DeviceCertificate, change: Callable[[DeviceCertificate], None], left: set[int]
) -> None:
    assert stored_days(certificate) == {0, 1}
    change(certificate)
    assert stored_days(certificate) == left
    assert is_clean(certificate)
    compact(identity_id=certificate.identity_id)
    assert is_clean(certificate)
    assert stored_days(certificate) == ({0, 1} if change in (add_samples, rebuild) else {1})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("SET sketch_first = 9", "the summary of the day is wrong: sketch"),
        ("SET hours = substr(hours, 69)", "the summary of the day is wrong: rows"),
        ("SET day = 19990", "the summary of the day is of other hours"),
    ],
)
def test_wrong_days_are_found(certificate: DeviceCertificate, change: str, fault: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE ingest_daysummary {change} WHERE identity_id = %s AND day = %s",
            [certificate.identity_id, DAY],
        )
    faults = verify_series(certificate.identity_id, "hr").differences
    assert fault in [text for found in faults for text in found.faults]


def test_a_day_that_is_not_over_has_no_summary(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    DaySummary.objects.filter(identity=certificate.identity_id).delete()
    now = (MIDNIGHT + DAY_MS + 23 * HOUR_MS) * 1_000_000
    monkeypatch.setattr("ingest.maintenance.compaction.time.time_ns", lambda: now)
    send(certificate, {MIDNIGHT + DAY_MS + 500: 7.0})
    compact(identity_id=certificate.identity_id)
    assert stored_days(certificate) == {0}  # yesterday's, of which no hour was compacted


def test_a_day_of_few_samples_has_no_summary(certificate: DeviceCertificate) -> None:
    send(certificate, {MIDNIGHT + 5 * DAY_MS + minute * 60_000: 60.5 for minute in range(1440)})
    compact(identity_id=certificate.identity_id)
    series_day = day_rollup.SeriesDay(certificate.identity_id, "hr", DAY + 5)
    assert day_rollup.compute_day(series_day) is None
    assert not DaySummary.objects.filter(identity=certificate.identity_id, day=DAY + 5).exists()


def test_a_locked_series_is_rolled_up_later(certificate: DeviceCertificate) -> None:
    series_day = day_rollup.SeriesDay(certificate.identity_id, "hr", DAY)
    summary_store.delete_days(certificate.identity_id, "hr", DAY * 24, DAY * 24)
    with psycopg.connect(database_address(), autocommit=True) as other:
        number = block_store.series_lock(certificate.identity_id, "hr")
        other.execute("SELECT pg_advisory_lock(%s)", [number])
        assert not day_rollup.roll_up(series_day)
        assert stored_days(certificate) == {1}
        other.execute("SELECT pg_advisory_unlock(%s)", [number])
    assert day_rollup.roll_up(series_day)
    assert stored_days(certificate) == {0, 1}
