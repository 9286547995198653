"""Devices: the certificates that are bound, and every attempt to bind one."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from identities.models import Identity, PreSharedKey


class DeviceCertificate(models.Model):
    """A device's own certificate, bound to an identity: it alone says whose an upload is."""

    class State(models.TextChoices):
        """Whether requests with the certificate are accepted."""

        ACTIVE = "active"
        SUSPENDED = "suspended"
        REVOKED = "revoked"

    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="certificates")
    sha256 = models.BinaryField("SHA-256", max_length=32, unique=True)
    der = models.BinaryField()
    subject = models.TextField(blank=True)
    key_type = models.CharField(max_length=40)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    label = models.CharField(max_length=200, blank=True, help_text="Which device this is.")
    bound_at = models.DateTimeField(default=timezone.now)
    bound_with = models.ForeignKey(
        PreSharedKey, null=True, on_delete=models.SET_NULL, related_name="certificates"
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

    class Meta:
        ordering = ["-bound_at"]

    def __str__(self) -> str:
        return f"{self.identity.name} {self.fingerprint[:16]}"

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate as 64 lower-case hex digits."""
        return bytes(self.sha256).hex()


class CertificateRoll(models.Model):
    """A key that a bound device asked for itself, to change its certificate."""

    key = models.OneToOneField(PreSharedKey, on_delete=models.CASCADE, related_name="roll")
    certificate = models.ForeignKey(
        DeviceCertificate, on_delete=models.CASCADE, related_name="rolls"
    )
    asked_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.certificate} by {self.key}"


class RegistrationAttempt(models.Model):
    """One attempt to register, with its true outcome. Rows are only ever added."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    outcome = models.CharField(max_length=40)
    sha256 = models.BinaryField("SHA-256", max_length=32, null=True)
    psk_hint = models.CharField("PSK hint", max_length=16, blank=True)
    identity = models.ForeignKey(
        Identity, null=True, on_delete=models.SET_NULL, related_name="attempts"
    )
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    count = models.PositiveIntegerField(
        default=1, help_text="Throttled attempts of one minute share a row."
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["sha256", "at"], name="attempt_sha256_at"),
            models.Index(fields=["address", "at"], name="attempt_address_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.outcome}"
