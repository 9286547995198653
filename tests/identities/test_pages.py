"""The admin's own pages: what to do next, where things lead, and nothing inline."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from identities.credentials import issue_psk, issue_token
from identities.models import Identity, PreSharedKey
from tests.identities.admin_pages import barred, links
from tests.identities.factories import make_key, make_token

CA = "/admin/identities/presharedkey/server-ca/"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "login/",
        "identities/",
        "identities/identity/",
        "identities/identity/add/",
        "identities/identity/{identity}/change/",
        "identities/presharedkey/",
        "identities/presharedkey/add/",
        "identities/presharedkey/{key}/change/",
        "identities/presharedkey/{key}/revoke/",
        "identities/accesstoken/add/",
    ],
)
def test_no_page_holds_what_the_policy_bars(admin: Client, identity: Identity, path: str) -> None:
    key, _ = issue_psk(identity)
    answer = admin.get("/admin/" + path.format(identity=identity.pk, key=key.pk))
    assert barred(answer.content.decode()) == []
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_no_card_holds_what_the_policy_bars(admin: Client, identity: Identity) -> None:
    assert barred(make_key(admin, identity)) == []
    assert barred(make_token(admin)) == []


def test_every_page_has_the_products_name_and_says_which_time(admin: Client) -> None:
    page = admin.get("/admin/").content.decode()
    assert "<title>Home | Device endpoint</title>" in page
    assert "All times are UTC." in page


def test_an_empty_installation_shows_the_onboarding_steps(admin: Client) -> None:
    page = admin.get("/admin/").content.decode()
    assert "Connect your first device" in page
    steps = {"/admin/identities/identity/add/", "/admin/identities/presharedkey/add/"}
    assert steps <= links(page)


def test_it_says_so_until_a_device_has_registered(admin: Client, identity: Identity) -> None:
    key, _ = issue_psk(identity)
    assert "Create another" in admin.get("/admin/").content.decode()
    PreSharedKey.objects.redeem(key.pk)
    assert "onboarding" not in admin.get("/admin/").content.decode()


def test_an_analyst_sees_that_no_device_has_registered(analyst: Client) -> None:
    page = analyst.get("/admin/").content.decode()
    assert "No device has registered yet" in page
    assert "Connect your first device" not in page


def test_the_list_of_identities_links_to_certificates_and_keys(
    admin: Client, identity: Identity
) -> None:
    issue_psk(identity)
    found = links(admin.get("/admin/identities/identity/").content.decode())
    narrowed = f"?identity__id__exact={identity.pk}"
    ways = {
        f"/admin/ingest/devicecertificate/{narrowed}",
        f"/admin/identities/presharedkey/{narrowed}",
    }
    assert ways <= found
    for way in ways:
        assert admin.get(way).status_code == 200


def test_a_key_for_an_identity_comes_with_the_identity_chosen(
    admin: Client, identity: Identity
) -> None:
    page = admin.get(f"/admin/identities/presharedkey/add/?identity={identity.pk}").content.decode()
    assert f'<option value="{identity.pk}" selected>' in page


def test_the_ca_certificate_is_a_file_to_download(
    operator: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    answer = operator.get(CA)
    assert answer.content == b"-----BEGIN CERTIFICATE-----\n"
    assert "device-endpoint-ca.crt" in answer["Content-Disposition"]


def test_without_a_ca_of_its_own_the_page_explains(
    operator: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    answer = operator.get(CA)
    assert answer.status_code == 404
    assert "did not make its server certificate itself" in answer.content.decode()


def test_the_ca_certificate_is_for_staff(db: None) -> None:
    answer = Client(headers={"X-Forwarded-Proto": "https"}).get(CA)
    assert answer.status_code == 302


def test_a_user_with_tokens_can_be_deleted_by_a_superuser(admin: Client, analyst: Client) -> None:
    user = User.objects.get(username="anna")
    issue_token(user)
    page = admin.get(f"/admin/auth/user/{user.pk}/delete/").content.decode()
    assert "Yes, I’m sure" in page


def test_times_read_the_same_everywhere(admin: Client, identity: Identity) -> None:
    key, _ = issue_psk(identity)
    page = admin.get("/admin/identities/presharedkey/").content.decode()
    assert f"{key.expires_at:%Y-%m-%d %H:%M:%S}" in page
