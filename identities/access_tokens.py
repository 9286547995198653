"""The access tokens of staff, with which scripts read the analysis API, and their revocation."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.signals import pre_save
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identities import keys
from identities.one_time_secrets import OneTimeSecret, OneTimeSecretQuerySet

DEFAULT_TTL = timedelta(days=90)
# Fields of a user whose changes may end the user's tokens.
_FIELDS = frozenset({"password", "is_active", "is_staff"})


def max_ttl() -> timedelta:
    """Return the longest life of an access token (``MAX_TOKEN_DAYS``)."""
    return timedelta(days=settings.MAX_TOKEN_DAYS)


def default_expiry() -> datetime:
    return timezone.now() + min(DEFAULT_TTL, max_ttl())


class AccessTokenQuerySet(OneTimeSecretQuerySet["AccessToken"]):
    def usable(self) -> AccessTokenQuerySet:
        """Return the tokens that the API accepts now: their owner is active staff.

        ``MAX_TOKEN_DAYS`` counts for tokens that were issued under a longer limit too.
        """
        now = timezone.now()
        return self.filter(
            revoked_at=None,
            expires_at__gt=now,
            created_at__gt=now - max_ttl(),
            user__is_active=True,
            user__is_staff=True,
        )


class AccessToken(OneTimeSecret):
    """A token with which scripts read the API with the permissions of its user.

    It ends with the user's staff status and password (``connect_revocation``).
    """

    prefix = keys.TOKEN_PREFIX

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    note = models.CharField(max_length=200, blank=True, help_text=_("What uses this token."))
    expires_at = models.DateTimeField(_("expires"), default=default_expiry)
    # Numbers, not a relation: a token for a study that was deleted reads nothing.
    study_ids = ArrayField(
        models.BigIntegerField(),
        null=True,
        blank=True,
        editable=False,
        help_text=_("The studies that it reads; null: all that its user sees."),
    )

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the row; raise ``ValidationError`` for a new token that lives too long."""
        if self._state.adding:
            self._check_lifetime()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Reject a new token that has expired already or lives longer than allowed."""
        super().clean()
        if self._state.adding:
            self._check_lifetime()

    def _check_lifetime(self) -> None:
        latest = timezone.now() + max_ttl()
        if self.expires_at and self.expires_at > latest:
            text = _("At most %(days)s days from now: %(latest)s or earlier.") % {
                "days": settings.MAX_TOKEN_DAYS,
                "latest": f"{latest:%Y-%m-%dT%H:%M:%SZ}",
            }
            raise ValidationError({"expires_at": text})

    @property
    def state(self) -> str:
        """``usable``, ``revoked`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        now = timezone.now()
        ended = self.expires_at <= now or self.created_at <= now - max_ttl()
        return "expired" if ended else "usable"


def connect_revocation() -> None:
    """Revoke tokens at every save of a user by which they end: in the admin, a command, a shell."""
    pre_save.connect(_revoke_tokens, sender="auth.User", dispatch_uid="identities.access_tokens")


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
