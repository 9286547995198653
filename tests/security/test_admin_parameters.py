"""Lists of the admin filter by what they list only; keys of rows have to be keys."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.test import Client

from identities.admin.checked_requests import CheckedAdmin
from identities.models import Identity, PreSharedKey
from ingest.models import RetentionPolicy
from tests.identities.admin_pages import filled_in, links
from tests.security.populated_site import World, make

KEYS = "/admin/identities/presharedkey/"
POLICIES = "/admin/ingest/retentionpolicy/"


@pytest.fixture
def world(db: None) -> World:
    return make()


def test_every_page_of_the_admin_checks_its_requests() -> None:
    assert [
        model.__name__
        for model, model_admin in django_admin.site._registry.items()
        if not isinstance(model_admin, CheckedAdmin)
    ] == []


@pytest.mark.parametrize(
    "address",
    [
        "alerts/incident/?kind__regex=[",
        'ingest/measurementtype/?reporting_interval__gt="',
        "ingest/devicecertificate/?der__exact=[]",
        "ingest/registrationattempt/?address__lt=2026-13-45",
        'ingest/registrationattempt/?created_at__contained_by="',
        "identities/auditevent/?created_at__year=0",
        "auth/user/?password__startswith=pbkdf2",
        "identities/presharedkey/?identity__keys__digest__startswith=a",
        "identities/identity/?is_active__exact=perhaps",
        "identities/identity/?nonsense=1",
        "identities/identity/?_to_field=name",
        "identities/identity/add/?_to_field=name",
    ],
)
def test_a_parameter_that_is_not_listed_is_400(admin: Client, world: World, address: str) -> None:
    answer = admin.get(f"/admin/{address}")
    assert answer.status_code == 400
    assert "Invalid request" in answer.content.decode()
    assert f"/admin/{'/'.join(address.split('/')[:2])}/" in links(answer.content.decode())


@pytest.mark.parametrize(
    "query",
    ["is_active__exact=1", "q=bed", "o=-1", "all=", "_popup=1&_to_field=id", "p=1", "_facets=True"],
)
def test_a_parameter_that_is_listed_filters(admin: Client, world: World, query: str) -> None:
    answer = admin.get(f"/admin/identities/identity/?{query}")
    assert answer.status_code == 200
    assert world.identity in answer.content.decode()


@pytest.mark.parametrize(
    "page", ["overview/?sort=last&after=", "series/?sort=last&after=", "compliance/?days="]
)
@pytest.mark.parametrize("number", ["9" * 5000, "１", "-1"])
def test_a_number_out_of_range_is_the_default(
    admin: Client, world: World, page: str, number: str
) -> None:
    answer = admin.get(f"/admin/analysis/{page}{number}")
    assert answer.status_code == 200
    assert world.identity in answer.content.decode()


def test_links_between_lists_keep_working(admin: Client, world: World) -> None:
    pages = ("/admin/identities/identity/", KEYS)
    found = {link for page in pages for link in links(admin.get(page).content.decode())}
    narrowed = {link for link in found if "__id__exact=" in link}
    assert len(narrowed) >= 4
    assert {admin.get(link).status_code for link in narrowed} == {200}


def send(admin: Client, address: str, **fields: str) -> Any:
    """Fill in the form at ``address`` and send it with ``fields``."""
    return admin.post(address, filled_in(admin.get(address).content.decode()) | fields)


@pytest.mark.parametrize("number", [1, 1_100])
@pytest.mark.parametrize("key", ["ward-1", "1,2", "-1", "9" * 20])
def test_a_name_where_a_key_belongs_is_an_error(
    admin: Client, world: World, key: str, number: int
) -> None:
    # With more than a thousand identities they are chosen by autocomplete.
    Identity.objects.bulk_create(Identity(name=f"bed-{each}-a") for each in range(number))
    before = PreSharedKey.objects.count(), RetentionPolicy.objects.count()
    for address, fields in ((KEYS, {"max_uses": "1"}), (POLICIES, {"keep_days": "1"})):
        answer = send(admin, f"{address}add/", identity=key, **fields)
        assert answer.status_code == 200
        assert "Select a valid choice" in answer.content.decode()
    assert (PreSharedKey.objects.count(), RetentionPolicy.objects.count()) == before


@pytest.mark.parametrize("key", ["x", "9" * 40, ""])
def test_a_selected_row_has_to_be_a_key(admin: Client, world: World, key: str) -> None:
    fields = {"action": "delete_selected", "index": "0", "_selected_action": key}
    for path in ("auth/user", "ingest/measurementtype", "ingest/retentionpolicy"):
        assert admin.post(f"/admin/{path}/", fields).status_code == 400


def test_a_key_with_nul_names_no_authenticator(admin: Client, world: World) -> None:
    address = "/admin/otp_totp/totpdevice/%00/delete/"
    assert admin.post(address, {"post": "yes", "password": "wrong"}).status_code == 302


@pytest.mark.parametrize("value", ["x", "2026-13-45", "1,2"])
def test_a_value_that_no_field_takes_fills_nothing_in(
    admin: Client, world: World, value: str
) -> None:
    for name in ("identity", "keep_days", "changed_at", "identity__name"):
        answer = admin.get(f"{POLICIES}add/?{name}={value}")
        assert answer.status_code == 200
        assert f'value="{value}"' not in answer.content.decode()
