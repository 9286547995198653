"""Access tokens end with their owner's staff status and password, and after a year."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client, override_settings
from django.utils import timezone

from identities.access_tokens import AccessToken
from identities.audit.models import AuditEvent
from identities.credentials import issue_token
from tests.identities.factories import make_token
from tests.security.conftest import browser_of


def status(client: Client, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}", "X-Forwarded-Proto": "https"}
    return Client().get("/api/v1/series", headers=headers).status_code


@pytest.fixture
def owner(db: None) -> User:
    user = User.objects.create(username="anna", is_staff=True, is_superuser=True)
    user.set_password("before")
    user.save()
    return user


@pytest.fixture
def secret(owner: User) -> str:
    return issue_token(owner)[1]


def change_password(user: User) -> None:
    user.set_password("after")
    user.save()


def set_password_hash(user: User) -> None:
    user.password = make_password("after")
    user.save()


def set_unusable_password(user: User) -> None:
    user.set_unusable_password()
    user.save(update_fields=["email", "password"])


def leave_staff(user: User) -> None:
    user.is_staff = False
    user.save(update_fields=["is_staff"])


def become_inactive(user: User) -> None:
    user.is_active = False
    user.save()


@pytest.mark.parametrize(
    "change",
    [change_password, set_password_hash, set_unusable_password, leave_staff, become_inactive],
)
def test_a_token_ends_with_its_owners_rights(
    owner: User, secret: str, client: Client, change: Callable[[User], None]
) -> None:
    assert status(client, secret) == 200
    change(owner)
    assert status(client, secret) == 401
    assert AccessToken.objects.get().state == "revoked"
    User.objects.update(is_staff=True, is_active=True)
    assert status(client, secret) == 401


def test_a_token_of_nobodys_staff_is_refused(owner: User, secret: str, client: Client) -> None:
    User.objects.update(is_staff=False)  # by SQL: no signal
    assert status(client, secret) == 401


def test_a_login_and_a_new_name_keep_the_token(owner: User, secret: str, client: Client) -> None:
    assert owner.check_password("before")
    owner.password = make_password("before")
    owner.save(update_fields=["password"])  # as a login does for a newer hasher
    owner.first_name = "Anna"
    owner.last_login = timezone.now()
    owner.save()
    assert status(client, secret) == 200


def test_the_admin_revokes_tokens_with_a_role_and_records_it(
    admin: Client, owner: User, secret: str
) -> None:
    form = {"username": "anna", "is_active": "on", "date_joined_0": "2026-01-01"}
    page = f"/admin/auth/user/{owner.pk}/change/"
    assert admin.post(page, form | {"date_joined_1": "00:00:00"}).status_code == 302
    owner.refresh_from_db()
    assert not owner.is_staff
    assert AccessToken.objects.get().state == "revoked"
    assert AuditEvent.objects.filter(
        object_type="identities.accesstoken", changes__has_key="revoked_at"
    ).exists()


@pytest.mark.parametrize("role", ["analyst", "superuser"])
def test_nobody_makes_a_token_beyond_the_limit(db: None, role: str) -> None:
    page = make_token(browser_of(role), expires_at_0="2036-01-01", expires_at_1="00:00:00")
    assert "At most 365 days" in page
    assert not AccessToken.objects.exists()


def test_the_model_refuses_it_too(owner: User) -> None:
    late = timezone.now() + timedelta(days=366)
    with pytest.raises(ValidationError, match="At most 365 days"):
        issue_token(owner, expires_at=late)
    with pytest.raises(ValidationError, match="At most 365 days"):
        AccessToken(user=owner, expires_at=late).save()


def test_a_shorter_limit_ends_older_tokens(owner: User, secret: str, client: Client) -> None:
    AccessToken.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert status(client, secret) == 200
    with override_settings(MAX_TOKEN_DAYS=30):
        assert status(client, secret) == 401
        assert AccessToken.objects.get().state == "expired"
        assert issue_token(owner)[0].expires_at <= timezone.now() + timedelta(days=30)
