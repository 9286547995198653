"""Devices: the certificates that are bound, and every attempt to bind one."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import DurationField, ExpressionWrapper, F
from django.utils import timezone

from identities.models import Identity, PreSharedKey

EXPIRES_SOON = timedelta(days=30)


class DeviceCertificateQuerySet(models.QuerySet["DeviceCertificate"]):
    """Sets of certificates by how long they are good for."""

    def live(self, now: datetime) -> DeviceCertificateQuerySet:
        """Return those that are accepted as far as staff and rolling go, whatever their dates."""
        return self.filter(
            models.Q(retires_at=None) | models.Q(retires_at__gt=now),
            state=DeviceCertificate.State.ACTIVE,
        )

    def ending(self, now: datetime) -> DeviceCertificateQuerySet:
        """Return those that end soon, or have ended, and that no other has taken the place of.

        Soon is within ``EXPIRES_SOON``, or in the last quarter of a shorter life: a device that
        rolls by itself does so when a third is left.
        """
        life = F("not_after") - F("not_before")
        quarter = ExpressionWrapper(life / 4, output_field=DurationField())
        return self.filter(
            state=DeviceCertificate.State.ACTIVE,
            retires_at=None,
            not_after__lt=now + EXPIRES_SOON,
        ).filter(not_after__lt=now + quarter)


class DeviceCertificate(models.Model):
    """A device's own certificate, bound to an identity: it alone says whose an upload is."""

    class State(models.TextChoices):
        """Whether requests with the certificate are accepted."""

        ACTIVE = "active"
        SUSPENDED = "suspended"
        REVOKED = "revoked"

    identity = models.ForeignKey(
        Identity, on_delete=models.PROTECT, related_name="certificates", db_constraint=False
    )
    sha256 = models.BinaryField("SHA-256", max_length=32, unique=True)
    der = models.BinaryField()
    subject = models.TextField(blank=True)
    key_type = models.CharField(max_length=40)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    label = models.CharField(max_length=200, blank=True, help_text="Which device this is.")
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
        help_text="From then on refused, since the device has rolled to a newer certificate.",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    state_reason = models.CharField(max_length=200, blank=True)

    objects = DeviceCertificateQuerySet.as_manager()

    class Meta:
        ordering = ["-bound_at"]
        # The admin's list starts with the newest, without sorting all.
        indexes = [models.Index(fields=["-bound_at", "-id"], name="certificate_bound_at")]
        permissions = [("reassign_devicecertificate", "Can move a certificate to another identity")]

    def __str__(self) -> str:
        return f"{self.identity.name} {self.fingerprint[:16]}"

    def ends_soon(self, now: datetime) -> bool:
        """Tell whether ``DeviceCertificateQuerySet.ending`` has it, and it has not ended."""
        soon = min(EXPIRES_SOON, (self.not_after - self.not_before) / 4)
        is_alone = self.state == self.State.ACTIVE and self.retires_at is None
        return is_alone and timedelta() < self.not_after - now < soon

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate as 64 lower-case hex digits."""
        return bytes(self.sha256).hex()


class CertificateRenewal(models.Model):
    """A key that a bound device asked for itself, to change its certificate."""

    key = models.OneToOneField(
        PreSharedKey, on_delete=models.CASCADE, related_name="renewal", db_constraint=False
    )
    certificate = models.ForeignKey(
        DeviceCertificate, on_delete=models.CASCADE, related_name="renewals", db_constraint=False
    )
    requested_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.certificate} by {self.key}"


class CertificateReassignment(models.Model):
    """That staff gave a certificate to another identity. Rows are only ever added.

    What came before stays with ``moved_from``. A side that has been forgotten is empty.
    """

    certificate = models.ForeignKey(
        DeviceCertificate,
        on_delete=models.CASCADE,
        related_name="reassignments",
        db_constraint=False,
    )
    moved_from = models.ForeignKey(
        Identity,
        null=True,
        on_delete=models.SET_NULL,
        related_name="certificates_given",
        db_constraint=False,
    )
    moved_to = models.ForeignKey(
        Identity,
        null=True,
        on_delete=models.SET_NULL,
        related_name="certificates_taken",
        db_constraint=False,
    )
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=200)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        sides = [each.name if each else "(forgotten)" for each in (self.moved_from, self.moved_to)]
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} from {sides[0]} to {sides[1]}"


class RegistrationAttempt(models.Model):
    """One attempt to register, with its true outcome. Rows are only ever added."""

    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    outcome = models.CharField(max_length=40)
    sha256 = models.BinaryField("SHA-256", max_length=32, null=True)
    psk_hint = models.CharField("PSK hint", max_length=16, blank=True)
    identity = models.ForeignKey(
        Identity, null=True, on_delete=models.SET_NULL, related_name="attempts", db_constraint=False
    )
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    count = models.PositiveIntegerField(
        default=1, help_text="Throttled attempts of one minute share a row."
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["sha256", "created_at"], name="attempt_sha256_created_at"),
            models.Index(fields=["address", "created_at"], name="attempt_address_created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} {self.outcome}"
