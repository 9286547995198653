"""Scopes: what a member of staff may see and do. The one place that decides it.

Every page, API view and download takes its rows from here:

- Python rows: ``visible_identities(user)`` for identities, ``visible_rows(user, queryset)`` for
  rows with an ``identity`` (``path`` names another lookup, such as ``incident__identity``).
- Admin pages: ``class FooAdmin(VisibleRowsMixin, ModelAdmin)`` of ``identities.admin.visible_rows``
  filters lists, objects, histories, autocompletes and choices.
- Raw SQL and functions below the pages take a ``Scope``: ``scope_of(request.user)`` in the admin,
  ``scope_of_request(request)`` in the analysis API (tokens may be narrowed), ``EVERYTHING`` in
  commands. ``scope.sql("i.id")`` is a condition, ``scope.filter(queryset)`` the same for a
  queryset, ``scope.has(identity_id)`` for one row. ``scope.sql_of_identities("i.id")`` is the
  condition for statements that list identities.
- What concerns the installation or no identity (refusals of strangers, disk, database):
  ``may_view_all(user)``.

``scope_of(user, "app.codename")`` is where the user may do something: everywhere with
``view_all_identities`` and the permission, else in the studies in which the user's role has it.
``StudyRoleBackend`` makes ``user.has_perm`` true for what a role permits in some study, so pages
check permissions as Django does, and take the rows from the scope of that permission.

A scope of everything adds no condition. Any other is an EXISTS on the index (identity, study).
Lists of identities of a small scope begin from its identities instead: the planner would read all
identities in order of name until it has found enough of them.
Where no study exists, everybody with the permission for a page sees all of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from identities.access_tokens import AccessToken
from identities.models import Identity
from identities.roles import ROLES
from identities.search import is_among
from identities.studies import Study, StudyIdentity, StudyMember

VIEW_ALL = "identities.view_all_identities"
# Attributes of the user object, which lives as long as a request.
_CACHE, _NO_STUDIES, _SCOPES = "_study_roles", "_no_studies", "_scopes"
# Identities of a scope that are read and sorted for a page of their list.
MAX_SMALL_SCOPE = 20_000
_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True)
class Scope:
    """The identities of some studies; ``study_ids`` of None: all identities, also those in none."""

    study_ids: frozenset[int] | None

    @property
    def is_everything(self) -> bool:
        return self.study_ids is None

    @cached_property
    def is_small(self) -> bool:
        """Whether its identities are few enough to be read for a page of their list."""
        if not self.study_ids:
            return False
        taking_part = StudyIdentity.objects.filter(study_id__in=sorted(self.study_ids)).order_by()
        return taking_part[: MAX_SMALL_SCOPE + 1].count() <= MAX_SMALL_SCOPE

    def filter(self, rows: QuerySet[_Row], path: str = "identity") -> QuerySet[_Row]:
        """Return those of ``rows`` whose identity is in the scope.

        ``path`` leads from a row to its identity, "pk" for identities. Rows without one are only
        in the scope of everything.
        """
        if self.study_ids is None:
            return rows
        if path == "pk" and self.is_small:
            taking_part = StudyIdentity.objects.filter(study_id__in=sorted(self.study_ids))
            return rows.filter(is_among("pk", taking_part.values("identity_id")))
        return rows.filter(self.condition(path))

    def condition(self, path: str = "identity") -> Q:
        """Return the condition of ``filter`` on one row."""
        if self.study_ids is None:
            return Q(pk__isnull=False)
        taking_part = StudyIdentity.objects.filter(study_id__in=sorted(self.study_ids))
        return Q(Exists(taking_part.filter(identity_id=OuterRef(path))))

    def sql(self, column: str, *, by_row: bool = False) -> tuple[str, dict[str, Any]]:
        """Return a condition on ``column``, a trusted name, and its parameters.

        With ``by_row`` PostgreSQL looks each row up, instead of reading a large scope whole.
        """
        if self.study_ids is None:
            return "true", {}
        condition = (
            "EXISTS (SELECT 1 FROM identities_studyidentity scope WHERE "  # noqa: S608
            f"scope.identity_id = {column} AND scope.study_id = ANY(%(scope_study_ids)s)"
            f"{' OFFSET 0' if by_row else ''})"
        )
        return condition, {"scope_study_ids": sorted(self.study_ids)}

    def sql_of_identities(self, column: str) -> tuple[str, dict[str, Any]]:
        """Return the same for a statement that lists identities; ``column`` is their key."""
        if self.study_ids is None or not self.is_small:
            return self.sql(column)
        condition = (
            f"{column} = ANY(ARRAY(SELECT scope.identity_id "  # noqa: S608
            "FROM identities_studyidentity scope WHERE scope.study_id = ANY(%(scope_study_ids)s)))"
        )
        return condition, {"scope_study_ids": sorted(self.study_ids)}

    def select(self, identity_ids: Collection[int]) -> list[int]:
        """Return those of some thousand identities that are in the scope."""
        if self.study_ids is None:
            return list(identity_ids)
        taking_part = StudyIdentity.objects.filter(identity_id__in=identity_ids).order_by()
        rows = taking_part.values_list("identity_id", "study_id")
        return list({identity for identity, study in rows if study in self.study_ids})

    def has(self, identity_id: int | None) -> bool:
        """Return whether the scope has the identity with this number."""
        if self.study_ids is None:
            return True
        if identity_id is None or not self.study_ids:
            return False
        return StudyIdentity.objects.filter(
            identity_id=identity_id, study_id__in=self.study_ids
        ).exists()

    def has_study(self, study_id: int) -> bool:
        return self.study_ids is None or study_id in self.study_ids

    def studies(self) -> QuerySet[Study]:
        if self.study_ids is None:
            return Study.objects.all()
        return Study.objects.filter(pk__in=self.study_ids)

    def identities(self) -> QuerySet[Identity]:
        return self.filter(Identity.objects.all(), "pk")

    def narrowed(self, study_ids: frozenset[int]) -> Scope:
        """Return the part of the scope in these studies and in the sites of them."""
        sites = Study.objects.filter(parent_id__in=study_ids).values_list("pk", flat=True)
        wanted = study_ids | {*sites}
        return Scope(wanted if self.study_ids is None else self.study_ids & wanted)

    def in_study_number(self, text: str) -> Scope:
        """Return the part of the scope in the study with this number; all of it for "".

        It is empty for a study outside the scope, and for text that is no number.
        """
        if not text:
            return self
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
        return self.narrowed(frozenset({number})) if self.has_study(number) else NOTHING

    def in_study(self, name: str) -> Scope:
        """Return the part of the scope in the study called ``name`` and its sites.

        Raise ``Study.DoesNotExist`` for a study that is outside the scope too.
        """
        study = Study.objects.named(name)
        if not self.has_study(study.pk):
            raise Study.DoesNotExist
        return self.narrowed(frozenset({study.pk}))


EVERYTHING = Scope(None)
NOTHING = Scope(frozenset())


# A role in another study opens neither keys nor their hints and notes.
VIEW_KEYS = "identities.view_presharedkey"


def scope_of(user: Any, *permissions: str) -> Scope:
    """Return what ``user`` may see, or where the user has one of ``permissions``.

    A permission from a group counts for all identities, with ``view_all_identities`` only; one
    from a role counts for the studies in which the user has the role.
    """
    if not getattr(user, "is_active", False) or user.pk is None:
        return NOTHING
    if may_view_all(user) and (
        not permissions
        or user.is_superuser
        or any(ModelBackend().has_perm(user, permission) for permission in permissions)
    ):
        return EVERYTHING
    study_ids = frozenset(
        study
        for study, held in study_roles(user).items()
        if not permissions or any(not ROLES[role].isdisjoint(permissions) for role in held)
    )
    # The same object for the same studies: it keeps its size.
    scopes: dict[frozenset[int], Scope] = getattr(user, _SCOPES, {})
    setattr(user, _SCOPES, scopes)
    return scopes.setdefault(study_ids, Scope(study_ids))


def scope_of_request(request: Any, *permissions: str) -> Scope:
    """Return the scope of a request to the analysis API: the user's, narrowed by the token."""
    scope = scope_of(request.user, *permissions)
    token = getattr(request, "auth", None)
    if isinstance(token, AccessToken) and token.study_ids is not None:
        return scope.narrowed(frozenset(token.study_ids))
    return scope


def visible_identities(user: Any) -> QuerySet[Identity]:
    return scope_of(user).identities()


def visible_rows(user: Any, rows: QuerySet[_Row], path: str = "identity") -> QuerySet[_Row]:
    """Return those of ``rows`` whose identity ``user`` may see: ``Scope.filter``."""
    return scope_of(user).filter(rows, path)


def may_view_all(user: Any) -> bool:
    """Return whether ``user`` sees all identities, and what concerns the whole installation.

    Every user does as long as no study exists; pages check their own permissions besides.
    """
    if not user.is_active or user.pk is None:
        return False
    if user.has_perm(VIEW_ALL):
        return True
    if not hasattr(user, _NO_STUDIES):
        setattr(user, _NO_STUDIES, not Study.objects.exists())
    return bool(getattr(user, _NO_STUDIES))


def may_view_installation(user: Any, token: AccessToken | None) -> bool:
    """Return ``may_view_all``, which is False with a token that is narrowed to studies."""
    return may_view_all(user) and (token is None or token.study_ids is None)


def study_roles(user: Any) -> dict[int, set[str]]:
    """Return the user's roles by number of study; those of a study count in its sites.

    Read from the primary database once for each user object, that is once for each request.
    """
    cached: dict[int, set[str]] | None = getattr(user, _CACHE, None)
    if cached is not None:
        return cached
    members = StudyMember.objects.filter(user_id=user.pk).values_list("study_id", "role")
    direct = dict(members)
    roles = {study: {role} for study, role in direct.items()}
    if direct:
        sites = Study.objects.filter(parent_id__in=direct).values_list("pk", "parent_id")
        for site, parent in sites:
            roles.setdefault(site, set()).add(direct[parent])
    setattr(user, _CACHE, roles)
    return roles


class StudyRoleBackend(BaseBackend):
    """Permissions from the roles of the user in studies: ``has_perm`` is true if one has it.

    It says nothing of rows: ``scope_of(user, permission)`` does.
    """

    def get_group_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """Return the permissions of all roles of the user, none for ``obj``."""
        if not user_obj.is_active or isinstance(user_obj, AnonymousUser) or obj is not None:
            return set()
        held = {role for roles in study_roles(user_obj).values() for role in roles}
        return {permission for role in held for permission in ROLES[role]}

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        permissions = self.get_all_permissions(user_obj)
        return any(permission.split(".")[0] == app_label for permission in permissions)
