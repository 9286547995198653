"""Uploaded files as they came, and their samples in blocks."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone

from identities.models import Identity
from ingest.escaping import escape
from ingest.models.certificates import DeviceCertificate
from ingest.uuid7 import uuid7


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
        WITHDRAWN = "withdrawn"

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
        permissions = [("withdraw_measurement", "Can withdraw measurement")]
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "name", "sha256"], name="measurement_once_per_identity_and_name"
            ),
        ]
        indexes = [
            # 56 kB for 700,000 small files: enough to find those of a time, since files come in
            # about the order of their times. Without it each look reads the series' every file.
            BrinIndex(
                fields=["first_ms", "last_ms"],
                name="measurement_times",
                pages_per_range=32,
                autosummarize=True,
            ),
            # Costs the stored files nothing; the rejected ones are counted, listed, read again.
            models.Index(
                fields=["identity", "id"],
                name="measurement_rejected",
                condition=models.Q(status="rejected"),
            ),
        ]

    def __str__(self) -> str:
        # The name of a rejected file can be anything, and this is what page titles show.
        return f"{escape(self.name, 64)} {self.received_at:%Y-%m-%d %H:%M:%S}"


class SampleBlock(models.Model):
    """Up to 8,192 samples of one series inside one UTC hour, sorted by time.

    ``offsets_ms[i]`` counts from the start of ``hour``: sample ``i`` was taken at
    ``hour * 3_600_000 + offsets_ms[i]``. No two blocks of a series hold the same timestamp.
    Evenly spaced offsets may be kept as the first and the step (``encoding`` 2). Uploads store
    arrays uncompressed, which costs PostgreSQL least; ``compact`` compresses them.
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
    compacted = models.BooleanField(db_default=False)

    class Meta:
        indexes = [
            models.Index(fields=["identity", "name", "hour", "last_ms"], name="block_series_hour"),
            # Holds only what there is to do, so that looking for it costs nothing.
            models.Index(
                fields=["identity", "name", "hour"],
                name="block_to_compact",
                condition=models.Q(compacted=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.hour} ({self.sample_count})"
