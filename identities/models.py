"""Who may exist: the accounts that data belongs to, and the keys handed out for them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from identities import keys
from identities.audit.models import AuditEvent  # noqa: F401 - Django finds its table here
from identities.enrolment.models import Enrolment

IDENTITY_NAME = r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}"
DEFAULT_KEY_LIFE = timedelta(days=7)
DEFAULT_TOKEN_LIFE = timedelta(days=90)

_Secret = TypeVar("_Secret", bound="OneTimeSecret")


def default_key_expiry() -> datetime:
    """Return when a key made now expires unless its maker says otherwise."""
    return timezone.now() + DEFAULT_KEY_LIFE


def default_token_expiry() -> datetime:
    """Return when a token made now expires unless its maker says otherwise."""
    return timezone.now() + DEFAULT_TOKEN_LIFE


class IdentityManager(models.Manager["Identity"]):
    """Look-ups of identities; names are unique without regard to case."""

    def named(self, name: str) -> Identity:
        """Return the identity called ``name`` in any case; raise ``Identity.DoesNotExist``.

        Text that cannot be a name is not asked for: some of it the database would not take.
        """
        if not re.fullmatch(IDENTITY_NAME, name):
            raise self.model.DoesNotExist
        return self.get(name__iexact=name)


class Identity(models.Model):
    """The account that measurements belong to: a person, a bed, a site. Never logs in."""

    name = models.CharField(
        max_length=64,
        validators=[
            RegexValidator(
                rf"\A{IDENTITY_NAME}\Z",
                "Letters, digits and _ . @ - only; the first a letter or digit; 64 at most.",
            )
        ],
        help_text="How devices and analysts see it. Unique, upper and lower case alike.",
    )
    description = models.TextField(blank=True)
    is_active = models.BooleanField(
        "active",
        default=True,
        help_text="Devices of an inactive identity are refused from their next request on.",
    )
    reporting_interval = models.DurationField(
        "a sample at least every",
        null=True,
        blank=True,
        help_text="Told as late without one: 90s, 5m, 12h, 7d. Of all its series together, in "
        "place of what their measurement types say. Empty: as these say.",
    )
    grace_period = models.DurationField(
        "grace", null=True, blank=True, help_text="Added to it: 90s, 5m, 12h, 7d."
    )
    monitoring_paused_until = models.DateTimeField(
        "not late until", null=True, blank=True, help_text="While a device rests or is repaired."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = IdentityManager()

    class Meta:
        verbose_name_plural = "identities"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="identity_name_unique_without_case",
                violation_error_message="An identity of this name exists.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OneTimeSecretQuerySet(models.QuerySet[_Secret]):
    """Sets of keys or tokens."""

    def revoke(self) -> int:
        """Revoke those that are not; return how many that were. There is no way back."""
        return self.filter(revoked_at=None).update(revoked_at=timezone.now())


class OneTimeSecret(models.Model):
    """A secret that is shown to a person once, when it is made. Only its digest is kept."""

    prefix: ClassVar[str]

    # In memory only, on the row that was made by the request being answered; not a column.
    secret = ""

    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    note = models.CharField(max_length=200, blank=True)
    expires_at: models.DateTimeField[Any, datetime]

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.hint

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; raise ``ValidationError`` rather than bring a revoked secret back."""
        if not self._state.adding and self.revoked_at is None:
            stored = type(self)._default_manager.filter(pk=self.pk)
            if stored.exclude(revoked_at=None).exists():
                raise ValidationError("What has been revoked stays revoked.")
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Refuse a secret that would be expired when it is made."""
        super().clean()
        if self._state.adding and self.expires_at and self.expires_at <= timezone.now():
            raise ValidationError({"expires_at": "This time has passed."})

    def set_new_secret(self) -> str:
        """Give this row a new secret and return it: the only time it can be read."""
        secret = keys.generate(self.prefix)
        self.digest = keys.digest(secret)
        self.hint = keys.hint(secret)
        return secret


class PreSharedKeyQuerySet(OneTimeSecretQuerySet["PreSharedKey"]):
    """Sets of keys by what can be done with them."""

    def usable(self) -> PreSharedKeyQuerySet:
        """Return the keys that would register a device now."""
        return self.filter(
            revoked_at=None,
            expires_at__gt=timezone.now(),
            uses__lt=F("max_uses"),
            identity__is_active=True,
        )

    def in_state(self, state: str) -> PreSharedKeyQuerySet:
        """Return the keys whose ``state`` is the given one."""
        used_up, expired = Q(uses__gte=F("max_uses")), Q(expires_at__lte=timezone.now())
        conditions = {
            "revoked": Q(revoked_at__isnull=False),
            "exhausted": Q(revoked_at=None) & used_up,
            "expired": Q(revoked_at=None) & ~used_up & expired,
            "usable": Q(revoked_at=None) & ~used_up & ~expired,
        }
        return self.filter(conditions[state])

    def redeem(self, pk: int) -> bool:
        """Count one use of the key ``pk`` if it has one left; tell whether it had.

        One conditional UPDATE: of any number of devices that race for the last use, the
        database lets exactly one win.
        """
        left = self.filter(
            pk=pk, revoked_at=None, expires_at__gt=timezone.now(), uses__lt=F("max_uses")
        )
        return left.update(uses=F("uses") + 1) == 1


class PreSharedKey(OneTimeSecret):
    """A secret that binds a device's certificate to an identity."""

    prefix = keys.PSK_PREFIX

    identity = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="keys")
    note = models.CharField(
        max_length=200,
        blank=True,
        help_text="For whom or what this key is; never shown to devices.",
    )
    max_uses = models.PositiveIntegerField(
        default=1,
        validators=[MinValueValidator(1)],
        help_text="How many different certificates may register with it.",
    )
    uses = models.PositiveIntegerField(default=0, editable=False)
    expires_at = models.DateTimeField(default=default_key_expiry)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False
    )

    enrolment = models.ForeignKey(
        Enrolment, null=True, on_delete=models.SET_NULL, related_name="keys", editable=False
    )
    # A replacement takes the place of its forerunner, of the same identity, in the enrolment.
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.SET_NULL, related_name="replaced_by", editable=False
    )

    objects = PreSharedKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "pre-shared key"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(uses__lte=F("max_uses")), name="psk_uses_within_max_uses"
            ),
        ]

    @property
    def state(self) -> str:
        """Return ``usable``, ``revoked``, ``used up`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.uses >= self.max_uses:
            return "exhausted"
        if self.expires_at <= timezone.now():
            return "expired"
        return "usable"


class AccessTokenQuerySet(OneTimeSecretQuerySet["AccessToken"]):
    """Sets of tokens by what can be done with them."""

    def usable(self) -> AccessTokenQuerySet:
        """Return the tokens that open the read API now."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now(), user__is_active=True)


class AccessToken(OneTimeSecret):
    """A user's key to the read API, for scripts: it may see what its user may see."""

    prefix = keys.TOKEN_PREFIX

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    note = models.CharField(max_length=200, blank=True, help_text="What uses this token.")
    expires_at = models.DateTimeField(default=default_token_expiry)

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    @property
    def state(self) -> str:
        """Return ``usable``, ``revoked`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= timezone.now() else "usable"
