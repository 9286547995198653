"""Reassigning a certificate in the admin: permission, record and audit log."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from alerts.models import Incident
from identities.audit.models import AuditEvent
from identities.models import Identity
from ingest.models import CertificateReassignment, DeviceCertificate
from tests.ingest.admin.conftest import signed_in

LIST = "/admin/ingest/devicecertificate/"


@pytest.fixture
def superuser(db: None) -> Client:
    return signed_in(User.objects.create_superuser("root"))


@pytest.fixture
def other(db: None) -> Identity:
    return Identity.objects.create(name="ward3-08")


def post(client: Client, certificate: DeviceCertificate, **fields: str) -> str:
    given = {"identity": "WARD3-08", "reason": "swapped"} | fields
    answer = client.post(f"{LIST}{certificate.pk}/reassign/", given, follow=True)
    return answer.content.decode()


def test_it_is_reassigned_with_record_and_audit_event(
    superuser: Client, certificate: DeviceCertificate, other: Identity
) -> None:
    before = certificate.identity
    incident = Incident.objects.create(kind="expiring", identity=before, certificate=certificate)
    page = post(superuser, certificate)
    assert "Reassigned from ward3-07 to ward3-08" in page
    record = CertificateReassignment.objects.get()
    assert (record.from_identity, record.to_identity) == (before, other)
    assert (record.created_by, record.reason) == ("root", "swapped")
    certificate.refresh_from_db()
    incident.refresh_from_db()
    assert certificate.identity == incident.identity == other
    page = superuser.get(f"{LIST}{certificate.pk}/change/").content.decode()
    assert "from ward3-07 to ward3-08 by root: swapped" in page
    change = AuditEvent.objects.get(action="change", object_type="ingest.devicecertificate")
    assert change.changes == {"identity": [before.pk, other.pk]}
    assert change.username == "root"
    comment = AuditEvent.objects.get(action="comment", changes__has_key="reason")
    assert comment.changes == {"identity": [before.name, other.name], "reason": ["", "swapped"]}


def test_the_form_suggests_identities(
    superuser: Client, certificate: DeviceCertificate, other: Identity
) -> None:
    page = superuser.get(f"{LIST}{certificate.pk}/reassign/").content.decode()
    assert '<input type="text" name="identity" list="identities"' in page
    assert f'<option value="{other.name}">' in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"identity": "nobody"}, "There is no identity of this name."),
        ({"identity": "ward3-07"}, "It belongs to ward3-07 already."),
        ({"identity": "resting"}, "resting is inactive"),
        ({"reason": ""}, "This field is required."),
    ],
)
def test_a_refused_reassignment_gives_the_reason(
    superuser: Client,
    certificate: DeviceCertificate,
    other: Identity,
    fields: dict[str, str],
    said: str,
) -> None:
    Identity.objects.create(name="resting", is_active=False)
    assert said in post(superuser, certificate, **fields)
    certificate.refresh_from_db()
    assert certificate.identity.name == "ward3-07"
    assert not CertificateReassignment.objects.exists()


def test_an_operator_needs_the_permission(
    operator: Client, certificate: DeviceCertificate, other: Identity
) -> None:
    address = f"{LIST}{certificate.pk}/reassign/"
    assert operator.get(address).status_code == 403
    post(operator, certificate)
    assert not CertificateReassignment.objects.exists()
    assert address not in operator.get(f"{LIST}{certificate.pk}/change/").content.decode()
    permission = Permission.objects.get(codename="reassign_devicecertificate")
    User.objects.get(username="operator").user_permissions.add(permission)
    assert address in operator.get(f"{LIST}{certificate.pk}/change/").content.decode()
    post(operator, certificate)
    assert CertificateReassignment.objects.get().created_by == "operator"
