"""Groups of the identity provider give studies and roles; who is removed there loses them here."""

from __future__ import annotations

import io
import json

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from identities.access_tokens import AccessToken
from identities.audit.models import AuditEvent
from identities.credentials import issue_token
from identities.studies import Study, StudyMember
from tests.identities.oidc.conftest import Provider


@pytest.fixture
def studies(db: None) -> dict[str, Study]:
    return {name: Study.objects.create(name=f"Study {name}") for name in "ABC"}


def roles_of(username: str) -> dict[str, str]:
    members = StudyMember.objects.filter(user__username=username)
    return dict(members.values_list("study__name", "role"))


def test_groups_give_studies_and_roles(
    provider: Provider, visitor: Client, studies: dict[str, Study]
) -> None:
    groups = ["a-viewers", "a-managers", "b-admins", "nowhere", "unknown"]
    provider.set_user("s-1", preferred_username="vera", groups=groups)
    answer = provider.sign_in(visitor, "s-1", following="/admin/identities/study/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/admin/identities/study/"
    page = visitor.get("/admin/identities/study/").content.decode()
    assert "Study A" in page
    assert "Study C" not in page
    assert roles_of("vera") == {"Study A": "data manager", "Study B": "study admin"}
    user = User.objects.get(username="vera")
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert not user.has_usable_password()
    events = AuditEvent.objects.filter(object_type="identities.studymember")
    assert {event.username for event in events} == {"vera"}
    assert AuditEvent.objects.filter(action="login", username="vera").exists()


def test_rights_follow_the_groups_at_each_sign_in(
    provider: Provider, visitor: Client, studies: dict[str, Study]
) -> None:
    provider.set_user("s-2", preferred_username="vera", groups=["b-admins", "analysts", "root"])
    provider.sign_in(visitor, "s-2")
    user = User.objects.get(username="vera")
    assert user.is_superuser
    assert [group.name for group in user.groups.all()] == ["analysts"]
    # Not governed by the provider: made here.
    StudyMember.objects.create(user=user, study=studies["C"], role="viewer")
    provider.set_user("s-2", preferred_username="renamed", groups="a-viewers")
    provider.sign_in(visitor, "s-2")
    user.refresh_from_db()
    assert user.username == "vera"
    assert not user.is_superuser
    assert not user.groups.exists()
    assert roles_of("vera") == {"Study A": "viewer", "Study C": "viewer"}


def test_who_is_removed_loses_access_at_the_next_sign_in(
    provider: Provider, visitor: Client, studies: dict[str, Study]
) -> None:
    provider.set_user("s-3", preferred_username="vera", groups=["a-viewers"])
    other = Client(headers={"X-Forwarded-Proto": "https"})
    for each in (visitor, other):
        provider.sign_in(each, "s-3")
        assert each.get("/admin/").status_code == 200
    token, _ = issue_token(User.objects.get(username="vera"))
    provider.set_user("s-3", preferred_username="vera", groups=["unknown"])
    assert provider.sign_in(visitor, "s-3").status_code == 403
    assert roles_of("vera") == {}
    assert not User.objects.get(username="vera").is_staff
    assert AccessToken.objects.get(pk=token.pk).state == "revoked"
    assert other.get("/admin/").status_code == 302
    assert visitor.get("/admin/").status_code == 302


def test_an_account_without_a_group_becomes_no_user(provider: Provider, visitor: Client) -> None:
    provider.set_user("s-4", preferred_username="vera", groups=[])
    assert provider.sign_in(visitor, "s-4").status_code == 403
    assert not User.objects.exists()


def test_a_command_ends_sessions_and_tokens_at_once(
    provider: Provider, visitor: Client, studies: dict[str, Study]
) -> None:
    provider.set_user("s-5", preferred_username="vera", groups=["a-viewers"])
    provider.sign_in(visitor, "s-5")
    issue_token(User.objects.get(username="vera"))
    out = io.StringIO()
    call_command("revoke_access", "vera", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"users": 1, "sessions": 1, "tokens": 1}
    assert AccessToken.objects.get().state == "revoked"
    assert visitor.get("/admin/").status_code == 302
    assert roles_of("vera") == {}
    assert AuditEvent.objects.filter(object_repr="revoke_access").exists()
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("revoke_access", "nobody")


def test_the_command_ends_those_of_other_users_too(
    visitor: Client, studies: dict[str, Study]
) -> None:
    user = User.objects.create(username="anna", is_staff=True)
    visitor.force_login(user)
    StudyMember.objects.create(user=user, study=studies["A"], role="viewer")
    issue_token(user)
    out = io.StringIO()
    call_command("revoke_access", "anna", stdout=out)
    assert out.getvalue() == "1 sessions ended, 1 tokens revoked.\n"
    assert visitor.get("/admin/").status_code == 302
    assert roles_of("anna") == {"Study A": "viewer"}
