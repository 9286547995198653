"""Device certificates, their renewals and reassignments, and every registration attempt."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import BooleanField, DurationField, ExpressionWrapper, F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identities.models import Identity, PreSharedKey, PreSharedKeyQuerySet
from ingest.registration_outcomes import Outcome

EXPIRES_SOON = timedelta(days=30)


def clock_grace() -> timedelta:
    """Return how long before its start a certificate is accepted, since clocks differ.

    With ``DEVICE_CA`` nginx verifies the whole chain, without any grace.
    """
    return timedelta(seconds=0 if settings.DEVICE_CA else settings.CLOCK_GRACE_SECONDS)


def _needs_renewal(now: datetime) -> Q:
    # Devices that renew by themselves do so when a third of the lifetime is left: the last
    # quarter of a short lifetime means that nothing renewed it.
    lifetime = F("not_after") - F("not_before")
    quarter = ExpressionWrapper(lifetime / 4, output_field=DurationField())
    return Q(
        Q(not_after__lt=now + EXPIRES_SOON),
        Q(not_after__lt=now + quarter),
        state=DeviceCertificate.State.ACTIVE,
        retires_at=None,
    )


class DeviceCertificateQuerySet(models.QuerySet["DeviceCertificate"]):
    def update(self, **values: Any) -> int:
        """Update the rows; certificates that are no longer active lose their open renewal keys."""
        if values.get("state", DeviceCertificate.State.ACTIVE) == DeviceCertificate.State.ACTIVE:
            return super().update(**values)
        with transaction.atomic():
            pks = list(self.order_by().values_list("pk", flat=True))
            changed = super().update(**values)
            open_renewal_keys(pks).revoke()
        return changed

    def live(self, now: datetime) -> DeviceCertificateQuerySet:
        """Select the certificates that may upload now, if their identity is active.

        They are in service and within their dates, as the device API judges them: with the grace
        of ``clock_grace``, and expired ones too with ``ACCEPT_EXPIRED_CERTIFICATES``.
        """
        valid = self.in_service(now).filter(not_before__lte=now + clock_grace())
        return valid if settings.ACCEPT_EXPIRED_CERTIFICATES else valid.filter(not_after__gte=now)

    def find_successors(self, of: Collection[int]) -> list[DeviceCertificate]:
        """Return the certificates that succeeded ``of``, and theirs, that are not revoked."""
        found: dict[int, DeviceCertificate] = {}
        newest: Collection[int] = of
        while newest:
            rows = self.filter(replaces_id__in=newest).select_related("identity").defer("der")
            new = {row.pk: row for row in rows.order_by("pk") if row.pk not in found}
            found |= new
            newest = list(new)
        return [row for row in found.values() if row.state != DeviceCertificate.State.REVOKED]

    def in_service(self, now: datetime) -> DeviceCertificateQuerySet:
        """Select those active and not superseded past their overlap, whatever their dates.

        Monitoring counts on their devices: one that let its certificate expire is overdue.
        """
        return self.filter(
            Q(retires_at=None) | Q(retires_at__gt=now), state=DeviceCertificate.State.ACTIVE
        )

    def needing_renewal(self, now: datetime) -> DeviceCertificateQuerySet:
        """Select active ones without a successor that expire soon or have expired.

        Soon is within ``EXPIRES_SOON``, or in the last quarter of a shorter lifetime.
        """
        return self.filter(_needs_renewal(now))

    def expiring(self, now: datetime) -> DeviceCertificateQuerySet:
        """Select those of ``needing_renewal`` that have not expired yet."""
        return self.needing_renewal(now).filter(not_after__gt=now)

    def with_is_expiring(self, now: datetime) -> DeviceCertificateQuerySet:
        """Annotate ``is_expiring``: whether ``expiring`` selects the certificate."""
        condition = _needs_renewal(now) & Q(not_after__gt=now)
        annotation = {"is_expiring": ExpressionWrapper(condition, output_field=BooleanField())}
        return self.annotate(**annotation)


class DeviceCertificate(models.Model):
    """A device's own certificate, bound to an identity; it alone decides who owns an upload."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")
        REVOKED = "revoked", _("Revoked")

    identity = models.ForeignKey(
        Identity, on_delete=models.PROTECT, related_name="certificates", db_constraint=False
    )
    sha256 = models.BinaryField("SHA-256", max_length=32, unique=True)
    der = models.BinaryField()
    subject = models.TextField(blank=True)
    key_type = models.CharField(max_length=40)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    label = models.CharField(max_length=200, blank=True, help_text=_("Which device this is."))
    bound_at = models.DateTimeField(default=timezone.now)
    bound_with = models.ForeignKey(
        PreSharedKey,
        null=True,
        on_delete=models.SET_NULL,
        related_name="certificates",
        db_constraint=False,
    )
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replaced_by"
    )
    retires_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("Refused from then on, since a newer certificate supersedes it."),
    )
    first_seen_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text=_("The first accepted request other than the registration."),
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    state_reason = models.CharField(max_length=200, blank=True)

    is_expiring: bool  # only where DeviceCertificateQuerySet.with_is_expiring annotated it

    objects = DeviceCertificateQuerySet.as_manager()

    class Meta:
        ordering = ["-bound_at"]
        # The admin's list shows the newest first without sorting the table.
        indexes = [models.Index(fields=["-bound_at", "-id"], name="certificate_bound_at")]
        permissions = [("reassign_devicecertificate", "Can reassign a certificate")]

    def __str__(self) -> str:
        # Not the identity: files and conflicts of another one may name the certificate.
        return self.fingerprint[:16]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the row; a certificate that is not active loses its open renewal keys."""
        if self.state == self.State.ACTIVE:  # as at each registration: no savepoint
            super().save(*args, **kwargs)
            return
        with transaction.atomic():
            super().save(*args, **kwargs)
            open_renewal_keys([self.pk]).revoke()

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate as 64 lower-case hex digits."""
        return bytes(self.sha256).hex()


class CertificateRenewal(models.Model):
    """A pre-shared key that a bound device requested to renew its certificate."""

    key = models.OneToOneField(
        PreSharedKey, on_delete=models.CASCADE, related_name="renewal", db_constraint=False
    )
    certificate = models.ForeignKey(
        DeviceCertificate, on_delete=models.CASCADE, related_name="renewals", db_constraint=False
    )
    requested_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.certificate} by {self.key}"


def open_renewal_keys(certificate_ids: Collection[int]) -> PreSharedKeyQuerySet:
    """Return the keys that these certificates asked for, unused and not revoked."""
    return PreSharedKey.objects.filter(
        renewal__certificate_id__in=certificate_ids, uses=0, revoked_at=None
    )


class CertificateReassignment(models.Model):
    """A reassignment of a certificate to another identity by staff. Rows are only ever added.

    Files from before stay with ``from_identity``. An identity that was erased is null.
    """

    certificate = models.ForeignKey(
        DeviceCertificate,
        on_delete=models.CASCADE,
        related_name="reassignments",
        db_constraint=False,
    )
    from_identity = models.ForeignKey(
        Identity,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
    )
    to_identity = models.ForeignKey(
        Identity,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
    )
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=200)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        sides = (self.from_identity, self.to_identity)
        names = [side.name if side else "(erased)" for side in sides]
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} from {names[0]} to {names[1]}"


class CertificateRefusal(models.Model):
    """The last refused request of a bound certificate; written once a minute at most."""

    certificate = models.OneToOneField(
        DeviceCertificate,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="last_refusal",
        db_constraint=False,
    )
    at = models.DateTimeField()
    code = models.CharField(max_length=64, help_text=_("The problem type of the answer."))
    status = models.PositiveSmallIntegerField()
    detail = models.CharField(max_length=500)
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    clock_offset_seconds = models.BigIntegerField(
        null=True, help_text=_("The device's Date header minus the server's time.")
    )
    request_id = models.CharField(max_length=64, blank=True, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.code}"


class RegistrationAttempt(models.Model):
    """A registration attempt with its true outcome. Rows are only added."""

    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    outcome = models.CharField(max_length=40, choices=Outcome.choices)
    sha256 = models.BinaryField("SHA-256", max_length=32, null=True)
    psk_hint = models.CharField("PSK hint", max_length=16, blank=True)
    identity = models.ForeignKey(
        Identity, null=True, on_delete=models.SET_NULL, related_name="attempts", db_constraint=False
    )
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    # A default of the database too: processes of the release before insert rows without it.
    user_agent = models.CharField(max_length=200, blank=True, default="", db_default="")
    clock_offset_seconds = models.BigIntegerField(null=True)
    count = models.PositiveIntegerField(
        default=1, help_text=_("Throttled attempts of one minute share a row.")
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["sha256", "created_at"], name="attempt_sha256_created_at"),
            models.Index(fields=["address", "created_at"], name="attempt_address_created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} {self.outcome}"
