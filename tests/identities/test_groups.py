"""The groups that the product brings, and what their members can do in the admin."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from identities.credentials import issue_psk
from identities.models import Identity, PreSharedKey
from tests.identities.admin_pages import buttons, links

ANALYSTS = {
    "analysis.add_annotation",
    "analysis.change_annotation",
    "analysis.delete_annotation",
    "analysis.view_annotation",
    "identities.view_all_identities",
    "identities.view_identity",
    "identities.view_study",
    "identities.view_studyidentity",
    "identities.add_accesstoken",
    "identities.view_accesstoken",
    "ingest.view_devicecertificate",
    "alerts.view_incident",
    "ingest.view_measurement",
    "ingest.view_measurementtype",
    "alerts.view_notification",
    "ingest.view_registrationattempt",
    "ingest.view_retentionpolicy",
    "ingest.view_sampleblock",
    "ingest.view_sampleconflict",
}


def permissions_of(group: str) -> set[str]:
    found = Group.objects.get(name=group).permissions.select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}" for one in found}


def test_analysts_may_view_and_annotate_and_nothing_else(db: None) -> None:
    assert permissions_of("analysts") == ANALYSTS


def test_operators_admit_and_suspend_devices_but_delete_nothing(db: None) -> None:
    extra = permissions_of("operators") - ANALYSTS
    assert extra == {
        "identities.add_identity",
        "identities.change_identity",
        "identities.add_presharedkey",
        "identities.change_presharedkey",
        "identities.view_presharedkey",
        "identities.add_studyidentity",
        "identities.change_studyidentity",
        "identities.delete_studyidentity",
        "ingest.change_devicecertificate",
    }


def test_migrating_again_restores_the_permissions(db: None) -> None:
    group = Group.objects.get(name="analysts")
    group.permissions.add(Permission.objects.get(codename="delete_identity"))
    group.permissions.remove(Permission.objects.get(codename="view_identity"))
    call_command("migrate", verbosity=0)
    assert permissions_of("analysts") == ANALYSTS
    assert Group.objects.filter(name="analysts").count() == 1


@pytest.mark.parametrize(
    "path",
    [
        "identity/add/",
        "identity/{}/delete/",
        "presharedkey/",
        "presharedkey/add/",
        "presharedkey/{}/change/",
        "presharedkey/{}/revoke/",
    ],
)
def test_an_analyst_is_refused_what_is_not_theirs(
    analyst: Client, identity: Identity, path: str
) -> None:
    key, _ = issue_psk(identity)
    address = "/admin/identities/" + path.format(identity.pk if "identity" in path else key.pk)
    assert analyst.get(address).status_code == 403
    assert analyst.post(address).status_code == 403
    key.refresh_from_db()
    assert key.state == "usable"


@pytest.mark.parametrize("path", ["", "identities/", "identities/identity/", "auth/"])
def test_an_analyst_finds_no_button_and_no_way_to_add(
    analyst: Client, identity: Identity, path: str
) -> None:
    answer = analyst.get(f"/admin/{path}")
    page = answer.content.decode()
    if path == "auth/":
        assert answer.status_code == 404
        return
    assert answer.status_code == 200
    assert buttons(page) == set()
    added = {link for link in links(page) if "/add/" in link}
    assert added <= {"/admin/identities/accesstoken/add/", "/admin/analysis/annotation/add/"}


def test_an_analyst_reads_an_identity_without_a_button(analyst: Client, identity: Identity) -> None:
    address = f"/admin/identities/identity/{identity.pk}/change/"
    page = analyst.get(address).content.decode()
    assert "bed-12" in page
    assert buttons(page) == set()
    assert not any("presharedkey/add" in link for link in links(page))
    assert analyst.post(address, {"name": "bed-13"}).status_code == 403
    assert Identity.objects.get().name == "bed-12"


def test_an_operator_makes_identities_and_keys_and_revokes_them(operator: Client) -> None:
    operator.post("/admin/identities/identity/add/", {"name": "bed-7", "is_active": "on"})
    identity = Identity.objects.get(name="bed-7")
    page = operator.get(f"/admin/identities/identity/{identity.pk}/change/").content.decode()
    assert f"/admin/identities/presharedkey/add/?identity={identity.pk}" in links(page)
    key, _ = issue_psk(identity)
    operator.post(f"/admin/identities/presharedkey/{key.pk}/revoke/")
    assert PreSharedKey.objects.get().state == "revoked"
    assert operator.get(f"/admin/identities/identity/{identity.pk}/delete/").status_code == 403


def test_a_user_who_is_not_staff_is_sent_to_the_login(
    db: None, make_user: Callable[..., User], log_in: Callable[[User], Client]
) -> None:
    user = make_user("guest")
    User.objects.update(is_staff=False)
    answer = log_in(user).get("/admin/identities/accesstoken/")
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]
