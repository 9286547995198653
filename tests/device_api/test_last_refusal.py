"""The last refused request of a bound certificate is kept for staff, and changes no answer."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

from identities.models import Identity
from ingest.models import CertificateRefusal, DeviceCertificate
from tests.device_api.assertions import accepted, refused
from tests.device_api.conftest import MakeDevice
from tests.support.devices import Device

UNREADABLE = ("hr", "hr_1", b"not,a,file\n")


def last_refusal(device: Device) -> CertificateRefusal | None:
    return CertificateRefusal.objects.filter(
        certificate__sha256=bytes.fromhex(device.sha256)
    ).first()


def rename(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{table}" RENAME TO "{name}"')


def test_reason_remedy_address_and_request_are_kept(bound: Device) -> None:
    body = refused(bound.upload(UNREADABLE), 422, "unreadable_file", "files")
    found = last_refusal(bound)
    assert found is not None
    assert (found.status, found.code, found.detail) == (422, "unreadable_file", body["detail"])
    assert found.address == "127.0.0.1"
    assert found.request_id == body["request_id"]
    assert found.user_agent.startswith("python-requests/")


def test_a_revoked_device_that_keeps_calling_is_seen(bound: Device) -> None:
    DeviceCertificate.objects.filter(sha256=bytes.fromhex(bound.sha256)).update(state="revoked")
    refused(bound.whoami(), 403, "certificate_revoked")
    found = last_refusal(bound)
    assert found is not None
    assert found.code == "certificate_revoked"


def test_one_refusal_a_minute_is_written(bound: Device) -> None:
    first = refused(bound.upload(UNREADABLE), 422, "unreadable_file", "files")
    for _ in range(8):  # more than there are processes
        refused(bound.upload(UNREADABLE), 422, "unreadable_file", "files")
    found = last_refusal(bound)
    assert found is not None
    assert found.request_id == first["request_id"]


def test_accepted_requests_leave_no_refusal(bound: Device) -> None:
    accepted(bound.whoami())
    assert last_refusal(bound) is None


def test_a_stranger_has_no_row(make_device: MakeDevice, live_db: None) -> None:
    before = CertificateRefusal.objects.count()
    refused(make_device().whoami(), 403, "certificate_not_bound", "certificate")
    assert CertificateRefusal.objects.count() == before


def test_a_failed_write_changes_no_answer(
    new_bound: Callable[..., Device], identity: Identity
) -> None:
    device = new_bound()
    rename("ingest_certificaterefusal", "hidden_refusals")
    try:
        refused(device.upload(UNREADABLE), 422, "unreadable_file", "files")
        Identity.objects.filter(pk=identity.pk).update(is_active=False)
        refused(device.whoami(), 403, "identity_inactive")
    finally:
        rename("hidden_refusals", "ingest_certificaterefusal")
