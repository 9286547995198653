"""The audit log records who did what, where, with old and new values, for good."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, transaction
from django.test import Client

from identities.access_tokens import AccessToken
from identities.audit.models import AuditEvent
from identities.credentials import issue_psk
from identities.models import Identity, PreSharedKey
from tests.identities.admin_pages import secret_in
from tests.identities.factories import make_key, make_token

HIDDEN = ["(hidden)", "(hidden)"]


@pytest.fixture
def identity(db: None) -> Identity:
    return Identity.objects.create(name="bed-12", description="by the window")


def newest() -> AuditEvent:
    found = AuditEvent.objects.first()
    assert found is not None
    return found


def post(client: Client, path: str, **fields: str) -> None:
    answer = client.post(path, fields, headers={"X-Real-IP": "192.0.2.7", "X-Request-ID": "r-1"})
    assert answer.status_code == 302, answer.content.decode()[-3000:]


def test_a_change_says_who_where_and_the_old_and_new_value(
    admin: Client, identity: Identity
) -> None:
    post(
        admin,
        f"/admin/identities/identity/{identity.pk}/change/",
        name="bed-12",
        description="by the wall",
    )
    row = newest()
    assert (row.username, row.action, row.address) == ("some-superuser", "change", "192.0.2.7")
    assert (row.object_type, row.object_id) == ("identities.identity", str(identity.pk))
    assert row.changes == {
        "description": ["by the window", "by the wall"],
        "is_active": [True, False],
    }
    assert row.request_id == "r-1"


def test_additions_and_deletions_are_recorded_with_values(admin: Client, db: None) -> None:
    post(admin, "/admin/identities/identity/add/", name="bed-7", is_active="on")
    assert newest().action == "add"
    assert newest().changes["name"] == [None, "bed-7"]
    identity = Identity.objects.get(name="bed-7")
    post(admin, f"/admin/identities/identity/{identity.pk}/delete/", post="yes")
    assert newest().action == "delete"
    assert newest().changes["name"] == ["bed-7", None]


def test_a_save_that_changes_nothing_is_no_change(admin: Client, identity: Identity) -> None:
    post(
        admin,
        f"/admin/identities/identity/{identity.pk}/change/",
        name="bed-12",
        description="by the window",
        is_active="on",
    )
    assert not AuditEvent.objects.exists()


def test_keys_and_tokens_are_there_without_their_secrets(admin: Client, identity: Identity) -> None:
    secrets = [secret_in(make_key(admin, identity, note="ward 3")), secret_in(make_token(admin))]
    kinds = AuditEvent.objects.values_list("object_type", flat=True)
    assert {"identities.presharedkey", "identities.accesstoken"} <= set(kinds)
    kept = str(list(AuditEvent.objects.values()))
    for secret, row in zip(
        secrets, (PreSharedKey.objects.get(), AccessToken.objects.get()), strict=True
    ):
        assert secret[10:] not in kept
        assert bytes(row.digest).hex() not in kept
        assert row.hint in kept


def test_a_revocation_is_there_though_no_form_made_it(admin: Client, identity: Identity) -> None:
    key, _ = issue_psk(identity)
    post(admin, f"/admin/identities/presharedkey/{key.pk}/revoke/")
    row = newest()
    assert (row.object_type, row.object_id) == ("identities.presharedkey", str(key.pk))
    assert row.changes == {"message": [None, "Revoked."]}


def test_a_new_password_is_a_change_without_the_password(admin: Client, db: None) -> None:
    ben = User.objects.create_user("ben", password="old old old old", is_staff=True)
    new = "a new and longer pass phrase"
    post(
        admin,
        f"/admin/auth/user/{ben.pk}/password/",
        password1=new,
        password2=new,
        usable_password="true",
    )
    row = AuditEvent.objects.get(object_type="auth.user")
    assert row.changes == {"password": HIDDEN}
    ben.refresh_from_db()
    assert ben.password not in str(list(AuditEvent.objects.values()))


def test_getting_into_a_group_is_there(admin: Client, db: None) -> None:
    ben = User.objects.create_user("ben", password="x", is_staff=True)
    group = Group.objects.get(name="operators")
    post(
        admin,
        f"/admin/auth/user/{ben.pk}/change/",
        username="ben",
        groups=str(group.pk),
        is_active="on",
        is_staff="on",
        date_joined_0="2026-01-01",
        date_joined_1="00:00:00",
    )
    changes = [row.changes for row in AuditEvent.objects.filter(object_type="auth.user")]
    assert {"groups": [None, ["operators"]]} in changes


def test_logging_in_and_out_is_there(db: None) -> None:
    User.objects.create_user("ada", password="pass pass pass", is_staff=True)
    client = Client(headers={"X-Forwarded-Proto": "https", "X-Real-IP": "192.0.2.9"})
    client.post("/admin/login/", {"username": "ada", "password": "pass pass pass"})
    client.post("/admin/logout/")
    rows = AuditEvent.objects.values_list("action", "username", "address")
    assert list(rows) == [("logout", "ada", "192.0.2.9"), ("login", "ada", "192.0.2.9")]


@pytest.mark.parametrize("statement", ["UPDATE {} SET username = 'x'", "DELETE FROM {}"])
def test_the_database_refuses_to_change_or_delete_a_row(db: None, statement: str) -> None:
    AuditEvent.objects.create(action="login", username="ada")
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format("identities_auditevent"))
    assert AuditEvent.objects.get().username == "ada"


def test_audit_events_outlive_their_user(db: None) -> None:
    ben = User.objects.create_user("ben")
    AuditEvent.objects.create(action="login", username="ben", user_number=ben.pk)
    ben.delete()
    assert AuditEvent.objects.get().username == "ben"


def test_superusers_read_it_and_nobody_changes_it(admin: Client, db: None) -> None:
    row = AuditEvent.objects.create(
        action="change", username="ada", changes={"name": ["<b>old</b>", "new"]}
    )
    address = f"/admin/identities/auditevent/{row.pk}"
    assert admin.get("/admin/identities/auditevent/").status_code == 200
    page = admin.get(f"{address}/change/").content.decode()
    assert "&lt;b&gt;old&lt;/b&gt;" in page
    assert admin.post(f"{address}/change/", {"username": "eve"}).status_code == 403
    assert admin.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
    assert admin.get("/admin/identities/auditevent/add/").status_code == 403
