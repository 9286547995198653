"""Every command that changes blocks keeps the summaries of hours true."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import Mock

import pytest
from django.db import connection

from ingest.maintenance import compaction
from ingest.maintenance.compaction import compact
from ingest.maintenance.deletion import delete_before
from ingest.maintenance.rebuild import rebuild_series
from ingest.maintenance.verification import verify_series
from ingest.maintenance.withdrawal import withdraw
from ingest.models import DataDeletion, DeviceCertificate, HourSummary, Measurement, SampleBlock
from ingest.storage.blocks import MAX_SAMPLES
from tests.ingest.maintenance.factories import (
    HOUR_MS,
    MORNING,
    make_certificate,
    make_identity,
    send,
    send_together,
)

HOUR = MORNING // HOUR_MS


@pytest.fixture
def certificate(live_db: None) -> DeviceCertificate:
    """Give a device with three compacted hours in small files, the second one's in two files."""
    certificate = make_certificate(make_identity())
    for start in (0, 60, 90, 120):
        minutes = range(start, start + (30 if start in (60, 90) else 60))
        samples = {MORNING + 60_000 * minute: float(minute) for minute in minutes}
        send(certificate, samples)
    compact(identity_id=certificate.identity_id)
    return certificate


def summaries(certificate: DeviceCertificate) -> dict[int, HourSummary]:
    found = HourSummary.objects.filter(identity=certificate.identity_id)
    return {summary.hour - HOUR: summary for summary in found}


def is_clean(certificate: DeviceCertificate) -> bool:
    return verify_series(certificate.identity_id, "hr").is_clean


def test_compaction_summarises_each_hour(certificate: DeviceCertificate) -> None:
    found = summaries(certificate)
    assert sorted(found) == [0, 1, 2]
    assert [found[hour].sample_count for hour in range(3)] == [60, 60, 60]
    assert [found[hour].mean for hour in range(3)] == [29.5, 89.5, 149.5]
    assert is_clean(certificate)


def add_samples(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING + 500 + 1000 * second: 7.0 for second in range(100)})


def replace_samples(certificate: DeviceCertificate) -> None:
    send_together(certificate, {MORNING: -5.0}, {MORNING + HOUR_MS: 500.0})


def withdraw_a_file(certificate: DeviceCertificate) -> None:
    first = Measurement.objects.filter(identity=certificate.identity_id).earliest("id")
    withdraw(first, by="ada", reason="a mistake")


def rebuild(certificate: DeviceCertificate) -> None:
    rebuild_series(certificate.identity_id, "hr")


def prune(certificate: DeviceCertificate) -> None:
    record = DataDeletion.objects.create(kind="prune", identity_number=certificate.identity_id)
    list(delete_before(certificate.identity_id, "hr", HOUR + 1, record))


@pytest.mark.parametrize("change", [add_samples, replace_samples, withdraw_a_file, rebuild, prune])
def test_changed_hours_are_summarised_anew(
    certificate: DeviceCertificate, change: Callable[[DeviceCertificate], None]
) -> None:
    change(certificate)
    assert is_clean(certificate)
    compact(identity_id=certificate.identity_id)
    assert is_clean(certificate)
    expected = {0, 1, 2} - ({0} if change in (withdraw_a_file, prune) else set())
    assert set(summaries(certificate)) == expected


def test_an_hour_merged_in_parts_is_summarised_at_the_end(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MAX_BLOCKS_AT_ONCE", 4)
    for second in range(12):
        send(certificate, {MORNING + 500 + 1000 * second: 7.0})
    compact(identity_id=certificate.identity_id)
    assert summaries(certificate)[0].sample_count == 72
    assert is_clean(certificate)


@pytest.mark.parametrize("files", [4, 7, 12], ids=lambda files: f"{files} small blocks")
def test_small_blocks_are_merged_in_short_transactions(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    """A run that dies after them leaves an hour that the next one finds, and true numbers."""
    monkeypatch.setattr(compaction, "FEW_BLOCKS", 3)
    for second in range(files):
        send(certificate, {MORNING + 500 + 1000 * second: 7.0})
    blocks = SampleBlock.objects.filter(identity=certificate.identity_id, hour=HOUR)
    with monkeypatch.context() as patched:
        patched.setattr(compaction, "_merge_stored", Mock(side_effect=InterruptedError))
        with pytest.raises(InterruptedError):
            compact(identity_id=certificate.identity_id)
    small = (files - 1) % 2 + 1  # three become one while there are three
    assert sorted(blocks.values_list("compacted", flat=True)) == [False] * small + [True]
    assert is_clean(certificate)
    done = compact(identity_id=certificate.identity_id)
    assert (done.hours, done.blocks_before, done.blocks_after) == (1, small + 1, 1)
    assert summaries(certificate)[0].sample_count == 60 + files
    assert is_clean(certificate)


def test_an_hour_of_many_small_blocks_is_counted_once(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "FEW_BLOCKS", 3)
    for second in range(12):
        send(certificate, {MORNING + 500 + 1000 * second: 7.0})
    done = compact(identity_id=certificate.identity_id)
    assert (done.hours, done.blocks_before, done.blocks_after) == (1, 13, 1)


def test_an_hour_of_more_full_blocks_than_one_step_takes(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only times between milliseconds fill an hour so; it has no summary."""
    monkeypatch.setattr(compaction, "MAX_BLOCKS_AT_ONCE", 3)
    times = (f"{MORNING + 2000 + n // 1000}.{n % 1000:03}" for n in range(5 * MAX_SAMPLES))
    send(certificate, "".join(f"{time},7\n" for time in times).encode())
    assert compact(identity_id=certificate.identity_id).hours == 1
    assert is_clean(certificate)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("SET mean = 30, sketch_first = 9", "the summary is wrong: mean"),
        ("SET covered_ms = 1", "the summary is wrong: covered_ms"),
        ("SET hour = hour - 5", "there is a summary without samples"),
    ],
)
def test_wrong_summaries_are_found(certificate: DeviceCertificate, change: str, fault: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE ingest_hoursummary {change} WHERE identity_id = %s AND hour = %s",
            [certificate.identity_id, HOUR],
        )
    faults = verify_series(certificate.identity_id, "hr").differences
    assert fault in [text for found in faults for text in found.faults]
