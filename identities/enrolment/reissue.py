"""New keys in the place of old ones: the old are revoked in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from identities.credentials import issue_psk
from identities.models import PreSharedKey


@dataclass(frozen=True)
class Reissued:
    """A key, its secret, and the key whose place it took."""

    key: PreSharedKey
    secret: str
    old: PreSharedKey


def uses_of_replacement(old: PreSharedKey) -> int:
    """Return how often the replacement may be used: what ``old`` has left, or else anew."""
    return (old.max_uses - old.uses) or old.max_uses


def reissue(
    old_keys: QuerySet[PreSharedKey],
    *,
    valid_for: timedelta,
    created_by: AbstractBaseUser | None = None,
) -> list[Reissued]:
    """Replace each of ``old_keys`` that has not been replaced; return the new with the old.

    All or none, in the order of making. A key is locked before it is looked at, so a device
    that registers meanwhile either has used the old key, which ``old_keys`` may then leave
    out, or finds it revoked. Identity, note and enrolment stay the same.
    """
    with transaction.atomic():
        numbers = list(old_keys.values_list("pk", flat=True))
        locked = PreSharedKey.objects.filter(pk__in=numbers).order_by("pk").select_for_update()
        numbers = [key.pk for key in locked]
        # Asked again now that nobody else can change them.
        still = old_keys.filter(pk__in=numbers, replaced_by=None)
        still = still.select_related("identity", "enrolment").order_by("pk")
        return [_replace(old, valid_for, created_by) for old in still]


def _replace(
    old: PreSharedKey, valid_for: timedelta, created_by: AbstractBaseUser | None
) -> Reissued:
    PreSharedKey.objects.filter(pk=old.pk).revoke()
    key, secret = issue_psk(
        old.identity,
        max_uses=uses_of_replacement(old),
        expires_at=timezone.now() + valid_for,
        note=old.note,
        created_by=created_by,
        enrolment=old.enrolment,
        replaces=old,
    )
    return Reissued(key, secret, old)
