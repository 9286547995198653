"""Identities, their pre-shared keys and enrolments."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import connection, models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identities import keys
from identities.access_tokens import AccessToken  # noqa: F401 - Django finds the models here
from identities.audit.models import AuditEvent  # noqa: F401
from identities.cluster import LOCK_TURN, is_cluster
from identities.one_time_secrets import OneTimeSecret, OneTimeSecretQuerySet
from identities.studies import NOT_AVAILABLE, Study, StudyIdentity, StudyMember  # noqa: F401

IDENTITY_NAME = r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}"
DEFAULT_KEY_TTL = timedelta(days=7)


def default_key_expiry() -> datetime:
    return timezone.now() + DEFAULT_KEY_TTL


class IdentityManager(models.Manager["Identity"]):
    def named(self, name: str) -> Identity:
        """Return the identity called ``name`` in any case; raise ``Identity.DoesNotExist``.

        Text that cannot be a name is not sent to the database, which rejects some of it.
        """
        if not re.fullmatch(IDENTITY_NAME, name):
            raise self.model.DoesNotExist
        return self.get(name__iexact=name)


class Identity(models.Model):
    """The account that measurements belong to: a person, a bed, a site. It never logs in."""

    name = models.CharField(
        max_length=64,
        validators=[
            RegexValidator(
                rf"\A{IDENTITY_NAME}\Z",
                _("Letters, digits and _ . @ - only; the first a letter or digit; 64 at most."),
            )
        ],
        help_text=_("Name shown to devices and analysts. Unique, whatever its case."),
    )
    description = models.TextField(blank=True)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Devices of an inactive identity are refused from their next request on."),
    )
    reporting_interval = models.DurationField(
        _("reporting interval"),
        null=True,
        blank=True,
        help_text=_(
            "Expected time between samples: 90s, 5m, 12h, 7d. Applies to all series of the "
            "identity together and overrides their measurement types. Empty: use the "
            "measurement types."
        ),
    )
    grace_period = models.DurationField(
        _("grace period"),
        null=True,
        blank=True,
        help_text=_("Added to the reporting interval before an alert: 90s, 5m, 12h, 7d."),
    )
    monitoring_paused_until = models.DateTimeField(
        _("alerts paused until"),
        null=True,
        blank=True,
        help_text=_("For a device that is not in use or under repair."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = IdentityManager()

    class Meta:
        verbose_name_plural = _("identities")
        ordering = ["name"]
        permissions = [("view_all_identities", "Can view the identities of all studies")]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="identity_name_unique_without_case",
                violation_error_message=NOT_AVAILABLE,
            ),
        ]

    def __str__(self) -> str:
        return self.name


def lock_identities(identity_ids: Collection[int]) -> set[int]:
    """Keep identities from erasure until the transaction ends; return those that exist.

    Taken before a row of an identity is created, since no database constraint prevents orphans.
    """
    with connection.cursor() as cursor:
        if is_cluster():
            cursor.execute(f"SELECT {LOCK_TURN}")
        cursor.execute(
            "SELECT id FROM identities_identity WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
            [list(identity_ids)],
        )
        return {pk for (pk,) in cursor.fetchall()}


def lock_identity(identity_id: int) -> None:
    """Lock one identity as ``lock_identities`` does; raise ``Identity.DoesNotExist``."""
    if not lock_identities([identity_id]):
        raise Identity.DoesNotExist


class Enrolment(models.Model):
    """A batch of keys issued together from one list; the permissions for keys apply."""

    name = models.CharField(max_length=100, help_text=_("Purpose of the keys, such as Ward 3."))
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False
    )
    # Identifies the preview page: a page that is submitted twice issues its keys once.
    idempotency_key = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class PreSharedKeyQuerySet(OneTimeSecretQuerySet["PreSharedKey"]):
    def usable(self) -> PreSharedKeyQuerySet:
        """Return the keys with which a device could register now."""
        return self.in_state("usable").filter(identity__is_active=True)

    def in_state(self, state: str) -> PreSharedKeyQuerySet:
        """Return the keys whose ``PreSharedKey.state`` is ``state``."""
        exhausted, expired = Q(uses__gte=F("max_uses")), Q(expires_at__lte=timezone.now())
        conditions = {
            "revoked": Q(revoked_at__isnull=False),
            "exhausted": Q(revoked_at=None) & exhausted,
            "expired": Q(revoked_at=None) & ~exhausted & expired,
            "usable": Q(revoked_at=None) & ~exhausted & ~expired,
        }
        return self.filter(conditions[state])

    def redeem(self, pk: int) -> bool:
        """Count one use of the key ``pk``; return False if it has none left.

        A single conditional UPDATE: of any number of devices that race for the last use, the
        database lets exactly one win.
        """
        left = self.filter(
            pk=pk, revoked_at=None, expires_at__gt=timezone.now(), uses__lt=F("max_uses")
        )
        return left.update(uses=F("uses") + 1) == 1


class PreSharedKey(OneTimeSecret):
    """A secret with which a device binds its certificate to an identity."""

    prefix = keys.PSK_PREFIX

    identity = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="keys")
    note = models.CharField(
        max_length=200,
        blank=True,
        help_text=_("For whom or what this key is; never shown to devices."),
    )
    max_uses = models.PositiveIntegerField(
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("How many different certificates may register with it."),
    )
    uses = models.PositiveIntegerField(default=0, editable=False)
    expires_at = models.DateTimeField(_("expires"), default=default_key_expiry)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False
    )
    enrolment = models.ForeignKey(
        Enrolment, null=True, on_delete=models.SET_NULL, related_name="keys", editable=False
    )
    # A replacement has the identity of the key it replaces and its place in the enrolment.
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.SET_NULL, related_name="replaced_by", editable=False
    )

    objects = PreSharedKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("pre-shared key")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(uses__lte=F("max_uses")), name="psk_uses_within_max_uses"
            ),
        ]

    @property
    def state(self) -> str:
        """``usable``, ``revoked``, ``exhausted`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.uses >= self.max_uses:
            return "exhausted"
        if self.expires_at <= timezone.now():
            return "expired"
        return "usable"


class ProviderAccount(models.Model):
    """The account of a user at the identity provider: ``identities.oidc``."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provider_account"
    )
    issuer = models.CharField(max_length=200)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="provider_account_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.subject}"
