"""Erasure deletes every row of the identity, none of others, and is recorded."""

from __future__ import annotations

import json
import threading
from datetime import date

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import ForeignKey
from django.utils import timezone

from alerts.models import Incident, Notification, NotificationItem
from analysis.models import Annotation
from identities.credentials import issue_psk
from identities.models import Identity
from identities.studies import Study, StudyIdentity
from ingest.maintenance.compaction import compact
from ingest.maintenance.erasure import erase
from ingest.maintenance.withdrawal import withdraw
from ingest.models import (
    CertificateReassignment,
    CertificateRenewal,
    DailyUsage,
    DataDeletion,
    DaySummary,
    DeviceCertificate,
    DeviceContact,
    Measurement,
    PruneWatermark,
    RegistrationAttempt,
    RetentionPolicy,
    SampleConflict,
    StrangerRefusal,
    Withdrawal,
)
from ingest.uploads import NoLongerAllowed
from tests.ingest.maintenance.factories import (
    MORNING,
    make_certificate,
    make_identity,
    send,
    stored,
)

pytestmark = pytest.mark.usefixtures("live_db")
# The record of what was deleted.
RECORDED_BY_NUMBER = {
    ("ingest_datadeletion", "identity_number"),
    ("ingest_serieschange", "identity_number"),
}


def fill(identity: Identity) -> DeviceCertificate:
    """Create rows of the identity in every table."""
    old, new = make_certificate(identity), make_certificate(identity)
    key, _ = issue_psk(identity)
    DeviceCertificate.objects.filter(pk=new.pk).update(bound_with=key, replaces=old)
    CertificateRenewal.objects.create(key=key, certificate=old)
    RegistrationAttempt.objects.create(outcome="registered", identity=identity, sha256=new.sha256)
    RegistrationAttempt.objects.create(outcome="psk_unknown", sha256=new.sha256)
    now = timezone.now()
    DeviceContact.objects.create(certificate=new, at=now)
    StrangerRefusal.objects.create(sha256=new.sha256, first_at=now, at=now, status=403)
    Annotation.objects.create(identity=identity, starts_at=now, text="private")
    RetentionPolicy.objects.create(identity=identity, keep_days=30_000)
    study, _ = Study.objects.get_or_create(name="Erased")
    StudyIdentity.objects.create(study=study, identity=identity)
    DailyUsage.objects.create(identity=identity, day=date(2026, 3, 1), bytes=1)
    PruneWatermark.objects.create(identity=identity, name="hr", sequence=0, before_ms=0)
    CertificateReassignment.objects.create(
        certificate=old,
        from_identity=identity,
        to_identity=identity,
        created_by="ada",
        reason="swapped",
    )
    notification = Notification.objects.create(channel="email", sent_at=timezone.now())
    for kind, certificate in (("late", None), ("expiring", new)):
        incident = Incident.objects.create(kind=kind, identity=identity, certificate=certificate)
        NotificationItem.objects.create(
            notification=notification, incident=incident, channel="email", event=kind
        )
    send(old, {MORNING: 1.0, MORNING + 1: 2.0})
    third = make_certificate(identity)
    send(third, {MORNING: 5.0})
    mistake = send(third, {MORNING + 9: 1.0}, name="other")
    withdraw(Measurement.objects.get(pk=mistake.id), by="ada", reason="mistake")
    send(old, b"rubbish", name="no name for a series")
    assert SampleConflict.objects.filter(identity=identity).count() == 1
    compact(identity_id=identity.pk)
    # compact writes one only for a day with many samples.
    DaySummary.objects.create(
        identity=identity, name="hr", day=1, hours=b"", sketch_is_exact=True, sketch_first=0,
        sketch=b"",
    )  # fmt: skip
    return third


def identity_columns() -> set[tuple[str, str]]:
    """Return (table, column) of all that refers to an identity by key or by name of the column."""
    by_key = {
        (model._meta.db_table, field.column)
        for model in apps.get_models()
        if not model._meta.proxy
        for field in model._meta.local_fields
        if isinstance(field, ForeignKey) and field.related_model is Identity
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c "
            "JOIN information_schema.tables t USING (table_schema, table_name) "
            "WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE' "
            "AND c.column_name LIKE '%identity%'"
        )
        by_name = set(cursor.fetchall())
    return by_key | (by_name - RECORDED_BY_NUMBER)


def rows_of(number: int) -> dict[str, int]:
    """Count the rows that refer to an identity, by table and column."""
    rows = {}
    with connection.cursor() as cursor:
        for table, column in identity_columns():
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [number])  # noqa: S608
            rows[f"{table}.{column}"] = cursor.fetchone()[0]
    return rows


def test_a_reassigned_certificate_returns_revoked() -> None:
    first, second, third = make_identity(), make_identity(), make_identity()
    certificate = make_certificate(first)
    send(certificate, {MORNING: 1.0})
    for old, new in ((first, second), (second, third)):
        CertificateReassignment.objects.create(
            certificate=certificate,
            from_identity=old,
            to_identity=new,
            created_by="ada",
            reason="swapped",
        )
    DeviceCertificate.objects.filter(pk=certificate.pk).update(identity=third, label="third's")
    erase(second, by="ada")
    erase(third, by="ada")
    certificate.refresh_from_db()
    assert (certificate.identity, certificate.state, certificate.label) == (first, "revoked", "")
    reassignments = CertificateReassignment.objects.filter(certificate=certificate).order_by("id")
    assert [(each.from_identity, each.to_identity, each.reason) for each in reassignments] == [
        (first, None, ""),
        (None, None, ""),
    ]
    assert stored(first) == {MORNING: 1.0}
    erase(first, by="ada")
    assert not DeviceCertificate.objects.filter(pk=certificate.pk).exists()


def test_every_row_is_deleted_and_others_stay() -> None:
    identity, neighbour = make_identity(), make_identity()
    fill(identity)
    fill(neighbour)
    number, before = identity.pk, rows_of(neighbour.pk)
    attempts, withdrawals = RegistrationAttempt.objects.count(), Withdrawal.objects.count()
    contacts, strangers = DeviceContact.objects.count(), StrangerRefusal.objects.count()
    assert min(rows_of(number).values()) > 0
    erase(identity, by="ada", reference="request 7")
    assert set(rows_of(number).values()) == {0}
    assert not Identity.objects.filter(pk=number).exists()
    assert rows_of(neighbour.pk) == before
    assert RegistrationAttempt.objects.count() == attempts - 2
    assert Withdrawal.objects.count() == withdrawals - 1
    assert DeviceContact.objects.count() == contacts - 1
    assert StrangerRefusal.objects.count() == strangers - 1
    assert CertificateRenewal.objects.filter(certificate__identity=neighbour).exists()
    assert not PruneWatermark.objects.filter(identity_id=number).exists()
    assert stored(neighbour)


def test_the_record_has_user_time_and_amount_by_number() -> None:
    identity = make_identity()
    fill(identity)
    number, name = identity.pk, identity.name
    erase(identity, by="ada", reference="request 7")
    record = DataDeletion.objects.get(identity_number=number)
    assert (record.kind, record.created_by, record.reference) == ("forget", "ada", "request 7")
    assert (record.files, record.blocks, record.samples) == (4, 1, 2)
    assert record.finished_at is not None
    assert name not in str(DataDeletion.objects.filter(pk=record.pk).values())


def test_the_admin_log_keeps_user_and_action_without_object() -> None:
    identity = make_identity()
    user = User.objects.create_user(identity.name.replace("ward", "user"))
    entry = LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(Identity),
        object_id=str(identity.pk),
        object_repr=identity.name,
        action_flag=CHANGE,
        change_message=identity.name,
    )
    erase(identity, by="ada")
    entry.refresh_from_db()
    assert (entry.user, entry.object_repr, entry.change_message) == (user, "(erased)", "")


def test_an_interrupted_run_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    identity = make_identity()
    certificate = fill(identity)
    number = identity.pk

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("ingest.maintenance.erasure._delete_rest", interrupt)
        with pytest.raises(KeyboardInterrupt):
            erase(identity, by="ada")
    with pytest.raises(NoLongerAllowed):
        send(certificate, {MORNING: 1.0})
    erase(identity, by="ada")
    record = DataDeletion.objects.get(identity_number=number)
    assert (record.files, record.blocks, record.samples) == (4, 1, 2)


def test_concurrent_uploads_are_refused_and_leave_no_row() -> None:
    identity = make_identity()
    certificates = [make_certificate(identity) for _ in range(2)]
    number, started = identity.pk, threading.Semaphore(0)

    def upload_repeatedly(certificate: DeviceCertificate, name: str) -> None:
        for i in range(10_000):
            try:
                send(certificate, {MORNING + i: 1.0}, name=f"{name}{i}")
            except NoLongerAllowed:
                break
            started.release()
        connection.close()

    threads = [
        threading.Thread(target=upload_repeatedly, args=(certificate, f"s{at}-"))
        for at, certificate in enumerate(certificates)
    ]
    for thread in threads:
        thread.start()
    for _ in range(20):
        assert started.acquire(timeout=60)
    erase(identity, by="ada")
    for thread in threads:
        thread.join()
    assert set(rows_of(number).values()) == {0}


def test_the_command_requires_confirmation_or_yes(capsys: pytest.CaptureFixture[str]) -> None:
    identity = make_identity()
    fill(identity)
    number = identity.pk
    with pytest.raises(CommandError, match="--yes"):
        call_command("forget", identity.name)
    assert Identity.objects.filter(pk=number).exists()
    call_command("forget", identity.name, "--yes", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["identity_number"] == number
    assert (document["files"], document["samples"]) == (4, 2)
    with pytest.raises(CommandError, match="There is no identity"):
        call_command("forget", identity.name, "--yes")
