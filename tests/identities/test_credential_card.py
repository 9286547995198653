"""The answer to the addition of a key: the card that shows it, this once."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from identities import keys
from identities.models import Identity, PreSharedKey
from tests.identities.admin_pages import (
    buttons,
    elements,
    filled_in,
    links,
    secret_in,
)
from tests.identities.factories import PSK_ADD, make_key, rows_that_hold


def test_the_form_has_four_fields_with_defaults_filled_in(admin: Client) -> None:
    fields = filled_in(admin.get(PSK_ADD).content.decode())
    fields.pop("csrfmiddlewaretoken")
    fields.pop("form_key")  # hidden
    # `identity` is a list to choose from; a time is a date and a time of day
    assert set(fields) == {"note", "max_uses", "expires_at_0", "expires_at_1"}
    assert fields["max_uses"] == "1"
    assert fields["expires_at_0"] == f"{timezone.now() + timedelta(days=7):%Y-%m-%d}"


def test_the_defaults_and_an_identity_are_enough(admin: Client, identity: Identity) -> None:
    fields = filled_in(admin.get(PSK_ADD).content.decode()) | {"identity": str(identity.pk)}
    assert admin.post(PSK_ADD, fields).status_code == 200
    assert PreSharedKey.objects.get().state == "usable"


def test_the_card_shows_the_key_once_and_is_not_to_be_stored(
    admin: Client, identity: Identity
) -> None:
    secret = secret_in(make_key(admin, identity, max_uses="3", note="blue strap"))
    key = PreSharedKey.objects.get()
    assert bytes(key.digest) == keys.digest(secret)
    assert (key.identity, key.max_uses, key.note) == (identity, 3, "blue strap")
    assert key.created_by is not None
    assert key.created_by.username == "ada"


def test_the_card_has_everything_that_a_device_needs(
    admin: Client, identity: Identity, settings: Settings
) -> None:
    settings.PUBLIC_HOST, settings.DEVICE_PORT = "devices.example.org", 9443
    page = make_key(admin, identity, note="blue strap")
    key = PreSharedKey.objects.get()
    assert "Shown once. We keep only a hash." in page
    assert "blue strap" in page
    assert f"{key.expires_at:%Y-%m-%d %H:%M:%S} UTC" in page
    assert "https://devices.example.org:9443/device_endpoint" in page
    assert page.count("openssl ") == 2
    assert '-subj "/CN=bed-12"' in unescape(page)
    assert any(tag == "path" for tag, _ in elements(page)), "no QR code"


def test_without_scripts_commands_read_the_key_from_input(
    admin: Client, identity: Identity
) -> None:
    page = make_key(admin, identity)
    assert "read -rs PSK" in page
    copies = [attrs for tag, attrs in elements(page) if "data-copy" in attrs]
    assert copies
    assert all("hidden" in attrs for attrs in copies)


def test_the_card_has_the_ca_certificate_if_there_is_one(
    admin: Client, identity: Identity, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    assert "--cacert" not in make_key(admin, identity)
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    page = make_key(admin, identity)
    assert "--cacert device-endpoint-ca.crt" in page
    assert "-----BEGIN CERTIFICATE-----" in page
    assert "/admin/identities/presharedkey/server-ca/" in links(page)


def test_the_key_is_nowhere_else(
    admin: Client, identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    secret = secret_in(make_key(admin, identity))
    assert secret not in str(admin.cookies)
    assert secret not in caplog.text
    assert not any(secret in str(one.get_decoded()) for one in Session.objects.all())
    entry = LogEntry.objects.get()
    assert entry.object_repr == PreSharedKey.objects.get().hint
    assert rows_that_hold(secret) == []


def test_the_search_for_the_key_would_find_it(admin: Client, identity: Identity) -> None:
    secret = secret_in(make_key(admin, identity))
    Identity.objects.update(description=f"somebody wrote {secret} down")
    assert rows_that_hold(secret) == ["identities_identity"]


def test_no_later_page_shows_it(admin: Client, identity: Identity) -> None:
    secret = secret_in(make_key(admin, identity))
    key = PreSharedKey.objects.get()
    for path in ("", f"{key.pk}/change/", f"{key.pk}/history/", f"{key.pk}/revoke/"):
        page = admin.get(f"/admin/identities/presharedkey/{path}").content.decode()
        assert secret not in page
        assert key.hint in page


def test_a_form_that_is_sent_twice_makes_one_key(admin: Client, identity: Identity) -> None:
    fields = filled_in(admin.get(PSK_ADD).content.decode()) | {"identity": str(identity.pk)}
    secret_in(admin.post(PSK_ADD, fields).content.decode())
    answer = admin.post(PSK_ADD, fields, follow=True)
    key = PreSharedKey.objects.get()
    assert answer.redirect_chain[0][0] == f"/admin/identities/presharedkey/{key.pk}/change/"
    assert "shown once" in answer.content.decode()
    assert key.revoked_at is None
    # Another form, and a program that sends no such field, make others.
    make_key(admin, identity)
    del fields["form_key"]
    secret_in(admin.post(PSK_ADD, fields).content.decode())
    assert PreSharedKey.objects.count() == 3


def test_the_card_warns_of_an_inactive_identity(admin: Client, identity: Identity) -> None:
    Identity.objects.update(is_active=False)
    assert "is inactive" in make_key(admin, identity)


@pytest.mark.parametrize(
    "fields",
    [
        {"identity": "999999"},
        {"identity": ""},
        {"max_uses": "0"},
        {"max_uses": ""},
        {"expires_at_0": "2020-01-01"},
        {"expires_at_0": "soon"},
        {"note": "x" * 201},
    ],
)
def test_a_form_with_a_mistake_makes_no_key(
    admin: Client, identity: Identity, fields: dict[str, str]
) -> None:
    page = make_key(admin, identity, **fields)
    assert "errorlist" in page
    assert not PreSharedKey.objects.exists()


def test_the_form_offers_no_way_past_the_card(admin: Client) -> None:
    assert buttons(admin.get(PSK_ADD).content.decode()) == {"_save"}


def test_many_identities_are_looked_up_while_typing(admin: Client, db: None) -> None:
    Identity.objects.bulk_create(Identity(name=f"bed-{number}") for number in range(1001))
    page = admin.get(PSK_ADD).content.decode()
    assert "bed-1000" not in page
    assert secret_in(make_key(admin, Identity.objects.get(name="bed-7")))
