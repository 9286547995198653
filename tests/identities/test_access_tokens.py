"""Access tokens in the admin: one's own, shown once, revocable by their owner."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from identities import keys
from identities.access_tokens import AccessToken
from identities.credentials import issue_token
from tests.identities.admin_pages import buttons, links, secret_in
from tests.identities.factories import make_token, rows_that_hold

LIST = "/admin/identities/accesstoken/"


def test_the_token_is_shown_once_and_kept_nowhere(analyst: Client) -> None:
    secret = secret_in(make_token(analyst, note="nightly export"))
    token = AccessToken.objects.get()
    assert bytes(token.digest) == keys.digest(secret)
    assert (token.user.username, token.note) == ("anna", "nightly export")
    assert rows_that_hold(secret) == []


def test_nobody_makes_a_token_for_somebody_else(
    analyst: Client, make_user: Callable[..., User]
) -> None:
    other = make_user("olga")
    make_token(analyst, user=str(other.pk), user_id=str(other.pk))
    assert AccessToken.objects.get().user.username == "anna"


@pytest.fixture
def foreign(make_user: Callable[..., User]) -> AccessToken:
    return issue_token(make_user("olga"))[0]


def test_everybody_sees_their_own_only(analyst: Client, foreign: AccessToken) -> None:
    make_token(analyst)
    own = AccessToken.objects.get(user__username="anna")
    page = analyst.get(LIST).content.decode()
    assert own.hint in page
    assert foreign.hint not in page
    assert analyst.get(f"{LIST}{foreign.pk}/change/").status_code == 302  # "doesn't exist"
    assert analyst.get(f"{LIST}{foreign.pk}/revoke/").status_code == 404
    assert analyst.post(f"{LIST}{foreign.pk}/revoke/").status_code == 404
    foreign.refresh_from_db()
    assert foreign.state == "usable"


def test_the_owner_revokes_their_token(analyst: Client) -> None:
    make_token(analyst)
    token = AccessToken.objects.get()
    page = analyst.get(f"{LIST}{token.pk}/change/").content.decode()
    assert buttons(page) == set()
    assert f"{LIST}{token.pk}/revoke/" in links(page)
    analyst.post(f"{LIST}{token.pk}/revoke/")
    token.refresh_from_db()
    assert token.state == "revoked"
    assert not AccessToken.objects.usable().exists()


def test_a_superuser_sees_and_revokes_all(admin: Client, foreign: AccessToken) -> None:
    assert foreign.hint in admin.get(LIST).content.decode()
    admin.post(f"{LIST}{foreign.pk}/revoke/")
    foreign.refresh_from_db()
    assert foreign.state == "revoked"


def test_the_token_of_an_inactive_user_is_refused(foreign: AccessToken) -> None:
    assert AccessToken.objects.usable().exists()
    User.objects.update(is_active=False)
    assert not AccessToken.objects.usable().exists()
