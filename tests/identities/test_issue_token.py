"""``manage.py issue_token``."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from identities import keys
from identities.access_tokens import AccessToken
from identities.studies import Study


def issue(*arguments: str) -> str:
    out = io.StringIO()
    call_command("issue_token", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_json_has_the_token_and_its_expiry(make_user: Callable[..., User]) -> None:
    user = make_user("anna")
    document = json.loads(issue("anna", "--json", "--valid-for", "12h"))
    assert list(document) == ["token", "expires_at"]
    token = AccessToken.objects.get()
    assert token.user == user
    assert bytes(token.digest) == keys.digest(document["token"])
    assert keys.is_well_formed(document["token"], keys.TOKEN_PREFIX)
    assert datetime.fromisoformat(document["expires_at"]) == token.expires_at


def test_a_token_expires_after_ninety_days_by_default(make_user: Callable[..., User]) -> None:
    make_user("anna")
    before = timezone.now().replace(microsecond=0)
    issue("anna")
    left = AccessToken.objects.get().expires_at - before
    assert timedelta(days=90) <= left < timedelta(days=90, minutes=1)


def test_an_unknown_user_is_one_line(db: None) -> None:
    with pytest.raises(CommandError, match=r"^There is no user 'anna'\.$"):
        issue("anna", "--json")


def test_a_user_who_may_not_log_in_gets_none(make_user: Callable[..., User]) -> None:
    make_user("anna", is_active=False)
    User.objects.create(username="eve")
    with pytest.raises(CommandError, match="not active"):
        issue("anna")
    with pytest.raises(CommandError, match="not a member of staff"):
        issue("eve")
    assert not AccessToken.objects.exists()


def test_no_token_lives_longer_than_allowed(make_user: Callable[..., User]) -> None:
    make_user("anna")
    with pytest.raises(CommandError, match="At most 365 days"):
        issue("anna", "--valid-for", "366d")
    assert not AccessToken.objects.exists()
    issue("anna", "--valid-for", "365d")


def test_a_token_is_narrowed_to_studies(make_user: Callable[..., User]) -> None:
    make_user("anna")
    study = Study.objects.create(name="Study A")
    issue("anna", "--study", "study a")
    assert AccessToken.objects.get().study_ids == [study.pk]
    with pytest.raises(CommandError, match="There is no study 'B'"):
        issue("anna", "--study", "B")
