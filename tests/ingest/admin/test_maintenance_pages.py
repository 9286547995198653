"""The admin: conflicts are listed, a file can be withdrawn with a reason, policies are set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from ingest.models import (
    DataDeletion,
    DeviceCertificate,
    Measurement,
    RetentionPolicy,
    Withdrawal,
)
from tests.ingest.maintenance.factories import (
    MORNING,
    make_certificate,
    make_identity,
    send,
    stored,
)

pytestmark = pytest.mark.usefixtures("live_db")


@pytest.fixture
def certificate(live_db: None) -> DeviceCertificate:
    return make_certificate(make_identity())


def sign_in(name: str, group: str = "analysts", **flags: bool) -> Client:
    user, _ = User.objects.get_or_create(username=name, defaults={"is_staff": True, **flags})
    if not user.is_superuser:
        user.groups.set([Group.objects.get(name=group)])
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(live_db: None) -> Client:
    return sign_in("maintenance-admin", is_superuser=True)


@pytest.fixture
def analyst(live_db: None) -> Client:
    return sign_in("care-analyst")


@pytest.fixture
def operator(live_db: None) -> Client:
    return sign_in("care-operator", "operators")


@pytest.fixture
def receipt_page(certificate: DeviceCertificate) -> str:
    receipt = send(certificate, {MORNING: 1.0})
    return reverse("admin:ingest_measurement_change", args=[receipt.id])


def test_conflicts_are_listed_for_analysts_and_cannot_be_changed(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    send(certificate, {MORNING: 1.0})
    send(make_certificate(certificate.identity), {MORNING: 2.0})
    page = analyst.get("/admin/ingest/sampleconflict/", {"q": certificate.identity.name})
    assert page.status_code == 200
    assert certificate.identity.name in page.content.decode()
    assert analyst.get("/admin/ingest/sampleconflict/add/").status_code == 403


def test_a_file_is_withdrawn_with_a_reason(
    admin: Client, certificate: DeviceCertificate, receipt_page: str
) -> None:
    button = receipt_page.replace("/change/", "/withdraw/")
    assert button in admin.get(receipt_page).content.decode()
    form = admin.get(button)
    assert form.status_code == 200
    assert "the values they replaced return" in form.content.decode()
    assert admin.post(button, {"reason": ""}).status_code == 200
    assert stored(certificate.identity)
    done = admin.post(button, {"reason": "wrong patient"}, follow=True)
    assert "by maintenance-admin: wrong patient" in done.content.decode()
    assert button not in done.content.decode()
    assert stored(certificate.identity) == {}
    file = Measurement.objects.get(identity=certificate.identity)
    assert file.status == "withdrawn"
    assert Withdrawal.objects.get(measurement=file).created_by == "maintenance-admin"
    again = admin.post(button, {"reason": "again"}, follow=True)
    assert "Nothing was changed" in again.content.decode()


def test_an_analyst_may_not_withdraw(
    analyst: Client, certificate: DeviceCertificate, receipt_page: str
) -> None:
    button = receipt_page.replace("/change/", "/withdraw/")
    assert button not in analyst.get(receipt_page).content.decode()
    assert analyst.post(button, {"reason": "wrong patient"}).status_code == 403
    assert stored(certificate.identity)


def test_a_group_with_the_permission_may_only_withdraw(
    operator: Client, certificate: DeviceCertificate, receipt_page: str
) -> None:
    button = receipt_page.replace("/change/", "/withdraw/")
    assert button not in operator.get(receipt_page).content.decode()
    assert operator.get(button).status_code == 403
    group, _ = Group.objects.get_or_create(name="care-withdrawers")
    group.permissions.set([Permission.objects.get(codename="withdraw_measurement")])
    User.objects.get(username="care-operator").groups.add(group)
    assert button in operator.get(receipt_page).content.decode()
    assert operator.post(receipt_page, {"name": "other"}).status_code == 403
    done = operator.post(button, {"reason": "wrong arm"}, follow=True)
    assert "by care-operator: wrong arm" in done.content.decode()
    assert stored(certificate.identity) == {}


@pytest.fixture
def _no_policies_left(live_db: None) -> Iterator[None]:
    yield
    RetentionPolicy.objects.all().delete()


@pytest.mark.usefixtures("_no_policies_left")
def test_admins_create_policies_and_one_for_all(admin: Client, analyst: Client) -> None:
    add = "/admin/ingest/retentionpolicy/add/"
    assert analyst.get(add).status_code == 403
    assert admin.post(add, {"identity": "", "keep_days": "365"}).status_code == 302
    refused = admin.post(add, {"identity": "", "keep_days": "30"})
    assert "This policy exists already." in refused.content.decode()
    page = admin.get("/admin/ingest/retentionpolicy/").content.decode()
    assert "all others: 365 days" in page


def test_deletions_are_listed_and_cannot_be_changed(admin: Client) -> None:
    row = DataDeletion.objects.create(kind="forget", identity_number=4711, created_by="ada")
    assert "4711" in admin.get("/admin/ingest/datadeletion/").content.decode()
    page = f"/admin/ingest/datadeletion/{row.pk}/"
    assert admin.get(f"{page}change/").status_code == 200
    assert admin.post(f"{page}delete/").status_code == 403
