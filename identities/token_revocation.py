"""Revoke a user's access tokens when the user leaves staff or changes the password."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db.models.signals import pre_save
from django.utils import timezone

from identities.access_tokens import AccessToken

_FIELDS = frozenset({"password", "is_active", "is_staff"})


def connect() -> None:
    """Watch every save of a user, from the admin, a command or a shell."""
    pre_save.connect(_revoke_tokens, sender="auth.User", dispatch_uid="identities.token_revocation")


def _revoke_tokens(
    instance: AbstractUser, update_fields: frozenset[str] | None = None, **kwargs: Any
) -> None:
    # Before the user is saved: should that fail, the tokens have ended, and not outlived it.
    saved = _FIELDS if update_fields is None else _FIELDS & update_fields
    if instance._state.adding or not saved:
        return
    if _leaves_staff(instance, saved) or _changes_password(instance, update_fields):
        for token in AccessToken.objects.filter(user_id=instance.pk, revoked_at=None):
            # One by one, so that the audit log records each.
            token.revoked_at = timezone.now()
            token.save(update_fields=["revoked_at"])


def _leaves_staff(user: AbstractUser, saved: Collection[str]) -> bool:
    return ("is_staff" in saved and not user.is_staff) or (
        "is_active" in saved and not user.is_active
    )


def _changes_password(user: AbstractUser, update_fields: frozenset[str] | None) -> bool:
    if update_fields is not None and "password" not in update_fields:
        return False
    was_set = user._password is not None  # type: ignore[attr-defined] # by set_password
    if update_fields == frozenset({"password"}) and not was_set and user.has_usable_password():
        return False  # a login hashes the same password anew when the hasher has changed
    stored = type(user)._default_manager.filter(pk=user.pk).values_list("password", flat=True)
    return stored.first() != user.password
