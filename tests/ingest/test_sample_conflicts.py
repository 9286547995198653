"""Two live certificates of one identity that replace each other's samples are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ingest.models import DeviceCertificate, Measurement, SampleConflict
from ingest.sample_conflicts import MAX_FILES_READ
from ingest.uuid7 import uuid7_floor
from tests.ingest.maintenance.factories import (
    MORNING,
    make_certificate,
    make_identity,
    send,
)

pytestmark = pytest.mark.usefixtures("live_db")


@pytest.fixture
def pair(live_db: None) -> tuple[DeviceCertificate, DeviceCertificate]:
    identity = make_identity()
    return make_certificate(identity), make_certificate(identity)


def conflicts(certificate: DeviceCertificate) -> list[SampleConflict]:
    """Return the conflicts of two devices; ``shared`` returns those of one certificate."""
    found = SampleConflict.objects.filter(identity=certificate.identity).order_by("pk")
    return list(found.exclude(certificate=F("replaced_certificate")))


def shared(certificate: DeviceCertificate) -> list[SampleConflict]:
    return list(
        SampleConflict.objects.filter(
            identity=certificate.identity, certificate=F("replaced_certificate")
        )
    )


def test_only_samples_of_the_other_certificate_count(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    left, right = pair
    send(left, {MORNING + i: 1.0 for i in range(10)})
    send(right, {MORNING + 100 + i: 1.0 for i in range(10)})  # beside it
    send(right, {MORNING + i: 1.0 for i in range(5)})  # the same values
    assert not conflicts(left)
    receipt = send(right, {MORNING + i: 2.0 for i in range(8, 103)})
    (found,) = conflicts(left)
    assert (found.certificate, found.replaced_certificate) == (right, left)
    assert (found.name, found.measurement_id) == ("hr", receipt.id)
    assert (found.replaced, found.first_ms, found.last_ms) == (2, MORNING + 8, MORNING + 9)


def test_the_certificate_of_the_latest_file_is_replaced(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    left, right = pair
    send(left, {MORNING: 1.0, MORNING + 1: 1.0})
    send(right, {MORNING: 2.0})
    send(right, {MORNING: 3.0})  # its own sample by now
    (found,) = conflicts(left)
    assert (found.files, found.replaced) == (1, 1)


def test_one_row_for_each_pair_and_series_is_updated(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    left, right = pair
    for turn in range(3):
        send(left, {MORNING + i: float(2 * turn) for i in range(4)})
        send(right, {MORNING + i: float(2 * turn + 1) for i in range(1, 3)})
    lost, won = sorted(conflicts(left), key=lambda row: row.certificate == left)
    assert (lost.certificate, lost.files, lost.replaced) == (right, 3, 6)
    assert (won.certificate, won.files, won.replaced) == (left, 2, 4)
    assert (won.first_ms, won.last_ms) == (MORNING + 1, MORNING + 2)


def test_corrections_and_dead_certificates_are_no_conflict(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    left, right = pair
    send(left, {MORNING: 1.0})
    send(left, {MORNING: 2.0})
    for change in (
        {"state": "revoked"},
        {"state": "active", "retires_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"retires_at": None, "not_after": datetime(2026, 1, 1, tzinfo=UTC)},
    ):
        DeviceCertificate.objects.filter(pk=left.pk).update(**change)
        send(right, {MORNING: float(len(str(change)))})
        left.refresh_from_db()
    assert not conflicts(left)


def test_a_renewed_certificate_is_no_conflict(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    old, new = pair
    DeviceCertificate.objects.filter(pk=new.pk).update(replaces=old)
    send(old, {MORNING: 1.0})
    send(new, {MORNING: 2.0})
    assert not conflicts(old)


def test_a_file_that_replaces_nothing_needs_no_query(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    left, right = pair
    send(left, {MORNING: 1.0})
    with CaptureQueriesContext(connection) as queries:
        send(right, {MORNING + 1: 1.0})
        send(right, {MORNING + 1: 1.0, MORNING: 1.0})
    assert not [query for query in queries if "devicecertificate" in query["sql"]]


def test_the_number_of_files_read_is_limited(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    left, right = pair
    for number in range(MAX_FILES_READ + 5):
        send(left, {MORNING: float(number), MORNING + 1 + number: 1.0})
    with CaptureQueriesContext(connection) as queries:
        send(right, {MORNING + i: 70.0 for i in range(MAX_FILES_READ + 6)})
    read = [query for query in queries if '"ingest_measurement"."content"' in query["sql"]]
    assert len(read) == MAX_FILES_READ
    (found,) = conflicts(left)
    assert found.replaced == MAX_FILES_READ + 1  # those of the latest files, and the shared one


def test_three_replacing_files_of_a_day_share_a_certificate(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    device, _ = pair
    for turn in range(3):
        send(device, {MORNING + 10 * turn: 60.0, MORNING + 10 * turn + 1: 61.0})
        assert not shared(device)
        send(device, {MORNING + 10 * turn: 90.0, MORNING + 10 * turn + 1: 91.0})
    (found,) = shared(device)
    assert (found.files, found.replaced) == (3, 6)
    send(device, {MORNING: 60.0, MORNING + 20: 60.0, MORNING + 30: 60.0})
    (found,) = shared(device)
    assert (found.files, found.replaced, found.first_ms) == (4, 8, MORNING)
    assert (found.certificate, found.is_of_one_device()) == (device, True)


def test_replacing_files_of_earlier_days_do_not_count(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    device, _ = pair
    send(device, {MORNING: 0.0})
    for value in (1.0, 2.0):
        receipt = send(device, {MORNING: value})
        earlier = uuid7_floor(timezone.now() - timedelta(days=1, minutes=value))
        Measurement.objects.filter(pk=receipt.id).update(id=earlier)
    send(device, {MORNING: 3.0})
    assert not shared(device)


def test_columns_are_counted_one_by_one(
    pair: tuple[DeviceCertificate, DeviceCertificate],
) -> None:
    device, _ = pair
    for value in range(4):
        send(device, f"time,x,y\n{MORNING},{value},0\n".encode(), "acc")
    assert [(found.name, found.files, found.replaced) for found in shared(device)] == [
        ("acc.x", 3, 3)
    ]
