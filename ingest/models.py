"""What devices send, as kept: certificates, attempts, files and blocks of samples.

The files (``Measurement.content``) are the truth; the blocks are a projection of them that can
be made anew. Times of samples are integer epoch milliseconds throughout.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from identities.models import Identity, PreSharedKey
from ingest.identifiers import uuid7


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


class Measurement(models.Model):
    """One uploaded file: the original, compressed, and the receipt that was given for it.

    Rows carry ``identity_id`` in every unique constraint, and neither reference is a database
    constraint: a foreign key would lock the identity's row at every upload, and the certificate
    is proved by the statement that stores the file.
    """

    class Status(models.TextChoices):
        """What became of the file."""

        STORED = "stored"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    identity = models.ForeignKey(
        Identity,
        on_delete=models.PROTECT,
        related_name="measurements",
        db_constraint=False,
        db_index=False,
    )
    certificate = models.ForeignKey(
        DeviceCertificate,
        on_delete=models.PROTECT,
        related_name="measurements",
        db_constraint=False,
        db_index=False,
    )
    name = models.CharField(max_length=64)
    filename = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=100, blank=True)
    size = models.PositiveIntegerField(help_text="Bytes of the original.")
    sha256 = models.BinaryField("SHA-256", max_length=32)
    content = models.BinaryField(help_text="The original, byte for byte, as one zstd frame.")
    received_at = models.DateTimeField(default=timezone.now)
    sequence = models.BigIntegerField(
        default=0,
        help_text="Order in which the files of a series were laid over each other, clocks apart.",
    )
    status = models.CharField(max_length=10, choices=Status.choices)
    errors = models.JSONField(null=True)
    samples = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    identical = models.PositiveIntegerField(default=0)
    replaced = models.PositiveIntegerField(default=0)
    first_ms = models.BigIntegerField(null=True)
    last_ms = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "name", "sha256"], name="measurement_once_per_identity_and_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.received_at:%Y-%m-%d %H:%M:%S}"


class SampleBlock(models.Model):
    """Up to 8,192 samples of one series inside one UTC hour, sorted by time.

    ``offsets_ms[i]`` counts from the start of ``hour``: sample ``i`` was taken at
    ``hour * 3_600_000 + offsets_ms[i]``. No two blocks of a series hold the same timestamp.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    identity = models.ForeignKey(
        Identity,
        on_delete=models.PROTECT,
        related_name="blocks",
        db_constraint=False,
        db_index=False,
    )
    name = models.CharField(max_length=64)
    hour = models.IntegerField(help_text="Hours since 1970-01-01T00:00Z.")
    first_ms = models.BigIntegerField()
    last_ms = models.BigIntegerField()
    sample_count = models.PositiveIntegerField()
    minimum = models.FloatField()
    maximum = models.FloatField()
    total = models.FloatField(help_text="Sum of the values.")
    offsets_ms = ArrayField(models.IntegerField())
    values = ArrayField(models.FloatField())
    encoding = models.SmallIntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["identity", "name", "hour", "last_ms"], name="block_series_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.hour} ({self.sample_count})"


class Series(SampleBlock):
    """What analysts look at: all blocks of one identity under one name. No table of its own.

    There to be listed in the admin; what may be seen of it is what may be seen of blocks.
    """

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = verbose_name_plural = "series"
