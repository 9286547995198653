"""Accounts at the identity provider, and the rights that its groups give.

A user is recognized by the provider's subject, never by a name or address, which somebody else may
have at the provider. At each sign-in the groups decide: rights that ``OIDC_GROUPS`` names are given
and taken, others are left alone.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from identities.access_tokens import AccessToken
from identities.models import ProviderAccount
from identities.studies import Study, StudyMember

logger = logging.getLogger(__name__)

SUPERUSERS = "superusers"
MAX_SUBJECT_LENGTH = 255  # of OpenID Connect
# Each has the rights of those before it.
_ROLES = list(StudyMember.Role.values)


class AccountRefused(Exception):
    """A refused sign-in; the text is the reason, for the person who tried."""


@dataclass
class Rights:
    """What the groups of an account give: Django groups by name, roles by number of study."""

    is_superuser: bool = False
    groups: set[str] = field(default_factory=set)
    roles: dict[int, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.is_superuser or self.groups or self.roles)


def find_rights(provider_groups: Collection[str]) -> Rights:
    """Return what ``OIDC_GROUPS`` gives to members of these groups; the highest role counts."""
    studies = _governed_studies()
    rights = Rights()
    for group in provider_groups:
        target = settings.OIDC_GROUPS.get(group)
        if target == SUPERUSERS:
            rights.is_superuser = True
        elif isinstance(target, str):
            rights.groups.add(target)
        elif target is not None:
            name, role = target
            study = studies.get(name.lower())
            if study is None:
                logger.warning("OIDC_GROUPS names the study %r, which does not exist", name)
                continue
            held = rights.roles.get(study.pk, role)
            rights.roles[study.pk] = max(held, role, key=_ROLES.index)
    return rights


def _governed_studies() -> dict[str, Study]:
    targets = settings.OIDC_GROUPS.values()
    wanted = {target[0].lower() for target in targets if not isinstance(target, str)}
    studies = {study.name.lower(): study for study in Study.objects.all()}
    return {name: study for name, study in studies.items() if name in wanted}


def find_or_create_user(claims: dict[str, Any], signed_in: Any, *, may_create: bool) -> Any:
    """Return the user of the account with these claims.

    Without one, if it ``may_create`` one, the account is linked to ``signed_in``, a user who has
    signed in by password, or else becomes a new user. Raises ``AccountRefused``.
    """
    subject = str(claims["sub"])
    if len(subject) > MAX_SUBJECT_LENGTH:
        raise AccountRefused(_("The identity provider did not confirm the sign-in."))
    known = {"issuer": settings.OIDC_ISSUER, "subject": subject}
    account = ProviderAccount.objects.filter(**known).select_related("user").first()
    if account is not None:
        return account.user
    if not may_create:
        raise AccountRefused(_("This account is in no group that has access here."))
    if signed_in is not None:
        if ProviderAccount.objects.filter(user=signed_in).exists():
            raise AccountRefused(_("This user is linked to another account of the provider."))
        ProviderAccount.objects.create(user=signed_in, **known)
        return signed_in
    users = get_user_model()
    name = str(claims.get("preferred_username") or claims.get("email") or subject)
    username = re.sub(r"[^\w.@+-]", "_", name, flags=re.ASCII)[:150]
    if users._default_manager.filter(username__iexact=username).exists():
        text = _("A user %(name)s exists already. Sign in by password, then open this page again.")
        raise AccountRefused(text % {"name": username})
    with transaction.atomic():
        user = users._default_manager.create_user(username)  # without a usable password
        ProviderAccount.objects.create(user=user, **known)
    return user


@transaction.atomic
def apply_rights(user: Any, rights: Rights) -> None:
    """Give ``user`` these rights, and take those that ``OIDC_GROUPS`` could give otherwise."""
    targets = settings.OIDC_GROUPS.values()
    governed = {target for target in targets if isinstance(target, str)} - {SUPERUSERS}
    user.is_staff = bool(rights)
    if SUPERUSERS in targets:
        user.is_superuser = rights.is_superuser
    user.save(update_fields=["is_staff", "is_superuser"])  # revokes tokens of who leaves
    user.groups.remove(*user.groups.filter(name__in=governed - rights.groups))
    user.groups.add(*Group.objects.filter(name__in=rights.groups))
    for study in _governed_studies().values():
        member = StudyMember.objects.filter(user=user, study=study).first()
        role = rights.roles.get(study.pk)
        if role is None:
            if member is not None:
                member.delete()
        elif member is None:
            StudyMember.objects.create(user=user, study=study, role=role)
        elif member.role != role:
            member.role = role
            member.save(update_fields=["role"])


def end_access(user: Any) -> tuple[int, int]:
    """End the user's sessions and revoke the tokens; return how many of each."""
    sessions = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator()
        if session.get_decoded().get("_auth_user_id") == str(user.pk)
    ]
    Session.objects.filter(pk__in=sessions).delete()
    tokens = AccessToken.objects.filter(user=user, revoked_at=None)
    for token in tokens:  # one by one, so that the audit log records each
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return len(sessions), len(tokens)
