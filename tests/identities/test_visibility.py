"""What a user sees: roles, sites, the permission for everything, and narrowed tokens."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.db import connection

from identities.access_tokens import AccessToken
from identities.models import Identity
from identities.studies import Study, StudyIdentity, StudyMember
from identities.visibility import (
    EVERYTHING,
    Scope,
    may_view_installation,
    scope_of,
    scope_of_request,
    visible_identities,
)

ISSUE, VIEW = "identities.add_presharedkey", "identities.view_identity"
Make = Callable[..., User]


@pytest.fixture
def studies(db: None) -> dict[str, Study]:
    """Two studies with an identity each, a site of the first, and an identity in none."""
    made = {name: Study.objects.create(name=name) for name in ("A", "B")}
    made["A1"] = Study.objects.create(name="A1", parent=made["A"])
    for name, study in made.items():
        StudyIdentity.objects.create(
            study=study, identity=Identity.objects.create(name=f"in-{name}")
        )
    Identity.objects.create(name="in-none")
    return made


def member(user: User, study: Study, role: str = "viewer") -> User:
    StudyMember.objects.create(study=study, user=user, role=role)
    return User.objects.get(pk=user.pk)


def names(scope: Scope) -> set[str]:
    """Return what the scope selects, after asking each of its forms."""
    selected = {identity.name for identity in scope.identities()}
    condition, parameters = scope.sql("i.id")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT i.name FROM identities_identity i WHERE {condition}", parameters)  # noqa: S608
        assert {name for (name,) in cursor.fetchall()} == selected
    assert {one.name for one in Identity.objects.all() if scope.has(one.pk)} == selected
    return selected


def test_members_see_their_study_and_its_sites(make_user: Make, studies: dict[str, Study]) -> None:
    assert names(scope_of(make_user("nobody"))) == set()
    assert names(scope_of(member(make_user("a"), studies["A"]))) == {"in-A", "in-A1"}
    assert names(scope_of(member(make_user("s"), studies["A1"]))) == {"in-A1"}
    assert names(scope_of(member(make_user("b"), studies["B"]))) == {"in-B"}


def test_analysts_and_superusers_see_everything(make_user: Make, studies: dict[str, Study]) -> None:
    for user in (make_user("anna", "analysts"), make_user("ada", is_superuser=True)):
        assert scope_of(user) == EVERYTHING
        assert "in-none" in names(scope_of(user))
        assert str(visible_identities(user).query) == str(Identity.objects.all().query)


def test_a_role_permits_acts_in_its_study_only(make_user: Make, studies: dict[str, Study]) -> None:
    user = member(member(make_user("dora"), studies["A"]), studies["B"], "data manager")
    assert names(scope_of(user)) == {"in-A", "in-A1", "in-B"}
    assert names(scope_of(user, ISSUE)) == {"in-B"}
    assert user.has_perm(ISSUE)
    assert user.has_module_perms("identities")
    assert not user.has_perm("identities.add_studymember")


def test_an_analyst_with_a_role_acts_in_that_study(
    make_user: Make, studies: dict[str, Study]
) -> None:
    user = member(make_user("anna", "analysts"), studies["B"], "data manager")
    assert scope_of(user, VIEW) == EVERYTHING
    assert names(scope_of(user, ISSUE)) == {"in-B"}


def test_a_permission_alone_shows_no_identity(make_user: Make, studies: dict[str, Study]) -> None:
    user = make_user("gina")
    user.user_permissions.add(Permission.objects.get(codename="add_presharedkey"))
    assert user.has_perm(ISSUE)
    assert names(scope_of(user, ISSUE)) == set()
    viewer = member(user, studies["A"])
    assert names(scope_of(viewer, ISSUE)) == set()


def test_without_studies_permissions_alone_count(make_user: Make) -> None:
    Identity.objects.create(name="one")
    user = make_user("gina")
    user.user_permissions.add(Permission.objects.get(codename="add_presharedkey"))
    assert scope_of(user) == scope_of(user, ISSUE) == EVERYTHING
    assert names(scope_of(user, "identities.change_presharedkey")) == set()
    assert names(scope_of(AnonymousUser())) == set()
    Study.objects.create(name="first")
    assert names(scope_of(User.objects.get(pk=user.pk))) == set()


def test_inactive_and_anonymous_users_see_nothing(
    make_user: Make, studies: dict[str, Study]
) -> None:
    user = member(make_user("gone", is_active=False), studies["A"], "study admin")
    assert names(scope_of(user)) == names(scope_of(AnonymousUser())) == set()
    assert not user.has_perm(ISSUE)


def test_a_token_narrows_what_its_owner_sees(make_user: Make, studies: dict[str, Study]) -> None:
    def seen(user: User, *names_of_studies: str) -> set[str]:
        token = AccessToken(user=user, study_ids=[studies[name].pk for name in names_of_studies])
        request = SimpleNamespace(user=user, auth=token)
        assert not may_view_installation(user, token)
        return names(scope_of_request(request))

    everyone, viewer = make_user("anna", "analysts"), member(make_user("v"), studies["A"])
    assert seen(everyone, "A") == {"in-A", "in-A1"}
    assert seen(everyone) == set()
    assert seen(viewer, "A1", "B") == {"in-A1"}
    assert scope_of_request(SimpleNamespace(user=everyone, auth=None)) == EVERYTHING


def test_a_study_outside_the_scope_is_one_that_is_missing(studies: dict[str, Study]) -> None:
    scope = Scope(frozenset({studies["A"].pk, studies["A1"].pk}))
    assert names(scope.in_study("a")) == {"in-A", "in-A1"}
    assert names(scope.in_study("A1")) == {"in-A1"}
    for name in ("B", "C", "\0"):
        with pytest.raises(Study.DoesNotExist):
            scope.in_study(name)
