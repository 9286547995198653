"""The table of series has a row for each series with samples, and for nothing else."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from identities.models import Identity
from ingest.maintenance import deletion
from ingest.maintenance.compaction import LAST_HOUR
from ingest.maintenance.erasure import erase
from ingest.maintenance.rebuild import rebuild_series
from ingest.maintenance.reparse import reparse
from ingest.maintenance.verification import verify_series
from ingest.maintenance.withdrawal import withdraw
from ingest.models import DataDeletion, DeviceCertificate, Measurement, SampleBlock, Series
from ingest.parsing.samples import TimeWindow
from tests.ingest.maintenance.factories import (
    HOUR_MS,
    LIMITS,
    MORNING,
    WINDOW,
    make_certificate,
    make_identity,
    send,
)

pytestmark = pytest.mark.usefixtures("live_db")


@pytest.fixture
def certificate() -> DeviceCertificate:
    return make_certificate(make_identity())


def names(identity: Identity) -> list[str]:
    return list(Series.objects.filter(identity=identity).values_list("name", flat=True))


def written_rows(certificate: DeviceCertificate) -> set[tuple[str, str]]:
    """Return the rows with the transactions that wrote them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, xmin::text FROM ingest_series WHERE identity_id = %s",
            [certificate.identity_id],
        )
        return set(cursor.fetchall())


def test_the_first_samples_of_a_series_add_its_row(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING: 60.0})
    send(certificate, {MORNING: 1.0}, "temp")
    assert names(certificate.identity) == ["hr", "temp"]


def test_an_upload_to_a_known_series_writes_no_row(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING: 60.0})
    send(certificate, b"x,y\n%d,1,2\n" % MORNING, "acc")
    before = written_rows(certificate)
    send(certificate, {MORNING + 1000: 61.0})
    send(certificate, {MORNING: 62.0, MORNING + 500: 61.0})
    send(certificate, b"x,y\n%d,1,2\n" % (MORNING + 9), "acc")
    send(certificate, {MORNING + hour * HOUR_MS: 1.0 for hour in range(2, 60)})
    assert written_rows(certificate) == before


def test_columns_with_samples_have_rows_of_their_own(certificate: DeviceCertificate) -> None:
    send(certificate, b"time_ms,x,y,z\n%d,1,,3\n" % MORNING, "acc")
    assert names(certificate.identity) == ["acc.x", "acc.z"]


def test_files_of_many_hours_add_a_row(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING + hour * HOUR_MS: 1.0 for hour in range(60)})
    assert names(certificate.identity) == ["hr"]


def test_a_rejected_file_adds_no_row_until_it_is_reparsed(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING: 60.0}, window=TimeWindow(0, 1))
    assert names(certificate.identity) == []
    list(reparse(certificate.identity_id, WINDOW, LIMITS.file))
    assert names(certificate.identity) == ["hr"]


def test_withdrawing_the_only_file_deletes_the_row(certificate: DeviceCertificate) -> None:
    first = send(certificate, {MORNING: 60.0})
    second = send(certificate, {MORNING + 1: 61.0})
    withdraw(Measurement.objects.get(pk=first.id), by="test", reason="wrong person")
    assert names(certificate.identity) == ["hr"]
    withdraw(Measurement.objects.get(pk=second.id), by="test", reason="wrong person")
    assert names(certificate.identity) == []
    send(certificate, {MORNING + 2: 62.0})
    assert names(certificate.identity) == ["hr"]


def test_pruning_all_samples_deletes_the_row(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING: 60.0, MORNING + 9 * HOUR_MS: 61.0})
    record = DataDeletion.objects.create(
        kind=DataDeletion.Kind.PRUNE, identity_number=certificate.identity_id, created_by="test"
    )
    middle = MORNING // HOUR_MS + 1
    list(deletion.delete_before(certificate.identity_id, "hr", middle, record))
    assert names(certificate.identity) == ["hr"]
    list(deletion.delete_before(certificate.identity_id, "hr", LAST_HOUR, record))
    assert names(certificate.identity) == []


def test_erasure_deletes_the_rows(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING: 60.0})
    erase(certificate.identity, by="test", reference="")
    assert not Series.objects.filter(identity_id=certificate.identity_id).exists()


def test_verify_reports_wrong_rows_and_rebuild_mends_them(certificate: DeviceCertificate) -> None:
    identity = certificate.identity
    send(certificate, {MORNING: 60.0})
    Series.objects.filter(identity=identity).delete()
    Series.objects.create(identity=identity, name="ghost")
    assert verify_series(identity.pk, "hr").listing == "has samples and is not listed"
    assert verify_series(identity.pk, "ghost").listing == "is listed without any sample"
    with pytest.raises(SystemExit):
        call_command("verify", "--identity", identity.name)
    for name in ("hr", "ghost"):
        rebuild_series(identity.pk, name)
    assert names(identity) == ["hr"]
    call_command("verify", "--identity", identity.name)


def test_rebuilding_after_the_loss_of_all_blocks_lists_it(certificate: DeviceCertificate) -> None:
    send(certificate, {MORNING: 60.0})
    SampleBlock.objects.filter(identity=certificate.identity).delete()
    Series.objects.filter(identity=certificate.identity).delete()
    rebuild_series(certificate.identity_id, "hr")
    assert names(certificate.identity) == ["hr"]
