"""The last refused request of a bound certificate is kept for staff, and changes no answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db import connection

from identities.models import Identity
from ingest.models import CertificateRefusal, DeviceCertificate, StrangerRefusal
from tests.device_api.assertions import accepted, refused
from tests.device_api.conftest import MakeDevice
from tests.support.devices import Device

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
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


def test_a_stranger_is_found_by_its_fingerprint(make_device: MakeDevice, live_db: None) -> None:
    before = CertificateRefusal.objects.count()
    stranger = make_device(not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    body = refused(stranger.upload(("hr", "hr_1", b"1,2\n")), 403, "certificate_expired")
    assert CertificateRefusal.objects.count() == before
    found = StrangerRefusal.objects.get(sha256=bytes.fromhex(stranger.sha256))
    assert (found.status, found.code, found.detail) == (403, "certificate_expired", body["detail"])
    assert (found.request_id, found.address) == (body["request_id"], "127.0.0.1")


def test_a_large_body_that_is_not_read_leaves_the_reason(bound: Device) -> None:
    DeviceCertificate.objects.filter(sha256=bytes.fromhex(bound.sha256)).update(state="revoked")
    large = b"1560279600000,60\n" * 5000
    refused(bound.upload(("hr", "hr_1", large)), 403, "certificate_revoked")
    found = last_refusal(bound)
    assert found is not None
    assert found.code == "certificate_revoked"


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
