"""The access tokens of staff, with which scripts read the analysis API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identities import keys
from identities.one_time_secrets import OneTimeSecret, OneTimeSecretQuerySet

DEFAULT_TTL = timedelta(days=90)


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

    It ends with the user's staff status and password: ``identities.token_revocation``.
    """

    prefix = keys.TOKEN_PREFIX

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    note = models.CharField(max_length=200, blank=True, help_text=_("What uses this token."))
    expires_at = models.DateTimeField(_("expires"), default=default_expiry)
    # Numbers, not a relation: a token for a study that was deleted reads nothing.
    study_ids = ArrayField(
        models.BigIntegerField(),
        null=True,
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
