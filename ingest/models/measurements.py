"""Measurement files, blocks of samples, series, and the usage of each day."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identities.models import Identity
from ingest.escaping import escape
from ingest.models.certificates import DeviceCertificate
from ingest.uuid7 import uuid7


def make_transaction_column() -> models.GeneratedField:
    """Return a column with the number of the transaction that inserted the row.

    It orders the changes feed. It is generated from the key, which never changes, so an UPDATE
    keeps it. A dump leaves it out: restored rows get numbers of the database that they are in.
    """
    return models.GeneratedField(
        expression=models.Func(models.F("id"), function="ingest_transaction"),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )


class Measurement(models.Model):
    """One measurement file: its compressed content and its receipt.

    Every unique constraint includes ``identity_id``. The references are no database constraints:
    a foreign key would lock the identity's row at every upload, and the statement that stores the
    file verifies the certificate.
    """

    class Status(models.TextChoices):
        STORED = "stored", _("Stored")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")

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
    size = models.PositiveIntegerField(help_text=_("Bytes of the file."))
    sha256 = models.BinaryField("SHA-256", max_length=32)
    content = models.BinaryField(help_text=_("The file, byte for byte, as one zstd frame."))
    received_at = models.DateTimeField(default=timezone.now)
    sequence = models.BigIntegerField(
        default=0,
        help_text=_("Order in which the files of a series are overlaid, independent of clocks."),
    )
    status = models.CharField(max_length=10, choices=Status.choices)
    errors = models.JSONField(null=True)
    columns = ArrayField(
        models.CharField(max_length=32),
        null=True,
        help_text=_("Names of the value columns, empty for a single one."),
    )
    series = models.JSONField(
        null=True, help_text=_("The counts of each column's series, empty for a single column.")
    )
    lines = models.PositiveIntegerField(default=0)
    samples = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    identical = models.PositiveIntegerField(default=0)
    replaced = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    rounded = models.PositiveIntegerField(default=0)
    first_ms = models.BigIntegerField(null=True)
    last_ms = models.BigIntegerField(null=True)
    transaction = make_transaction_column()

    class Meta:
        ordering = ["-id"]
        permissions = [("withdraw_measurement", "Can withdraw measurement")]
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "name", "sha256"], name="measurement_once_per_identity_and_name"
            ),
        ]
        indexes = [
            # 56 kB for 700,000 small files. Files arrive in about the order of their times, so
            # this finds those of a time range; without it, each query reads every file of a series.
            BrinIndex(
                fields=["first_ms", "last_ms"],
                name="measurement_times",
                pages_per_range=32,
                autosummarize=True,
            ),
            # Costs stored files nothing; rejected ones are counted, listed and parsed again.
            models.Index(
                fields=["identity", "id"],
                name="measurement_rejected",
                condition=models.Q(status="rejected"),
            ),
            # Files of which not every value is kept as sent, or that changed stored values.
            models.Index(
                fields=["identity", "id"],
                name="measurement_remarkable",
                condition=models.Q(replaced__gt=0)
                | models.Q(repeated__gt=0)
                | models.Q(rounded__gt=0),
            ),
            # The changes feed reads the rows after a transaction, in the order of the table.
            BrinIndex(
                fields=["transaction", "sequence"],
                opclasses=["int8_minmax_multi_ops", "int8_minmax_multi_ops"],
                name="measurement_transaction",
                pages_per_range=64,
                autosummarize=True,
            ),
        ]

    def __str__(self) -> str:
        # The name of a rejected file can be any text, and page titles show this.
        return f"{escape(self.name, 64)} {self.received_at:%Y-%m-%d %H:%M:%S}"

    def series_names(self) -> list[str]:
        """Return the names of the series that the file's samples belong to."""
        if self.columns is None:
            return [self.name]
        return [f"{self.name}.{column}" for column in self.columns]


class SampleBlock(models.Model):
    """Up to 8,192 samples of one series inside one UTC hour, sorted by time.

    ``encoding`` tells how ``offsets`` or ``time_steps`` holds the times
    (``ingest.storage.timestamp_encoding``), ``scale`` how ``values``, ``integers``,
    ``small_integers`` (``ingest.storage.value_encoding``) or ``differences``
    (``ingest.storage.value_differences``) holds the values; the others are NULL.
    No two blocks of a series have the same timestamp. ``first_ms`` and ``last_ms`` are rounded
    down. Uploads store arrays uncompressed, which costs PostgreSQL least; ``compact`` compresses
    them.
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
    hour = models.IntegerField(help_text=_("Hours since 1970-01-01T00:00Z."))
    first_ms = models.BigIntegerField()
    last_ms = models.BigIntegerField()
    sample_count = models.PositiveIntegerField()
    minimum = models.FloatField()
    maximum = models.FloatField()
    total = models.FloatField(help_text=_("Sum of the values."))
    offsets = ArrayField(models.IntegerField(), null=True)
    values = ArrayField(models.FloatField(), null=True)
    encoding = models.SmallIntegerField(default=1)
    compacted = models.BooleanField(db_default=False)
    time_steps = ArrayField(models.SmallIntegerField(), null=True)
    scale = models.SmallIntegerField(
        null=True, help_text=_("Values are integers divided by this power of ten; empty: doubles.")
    )
    integers = ArrayField(models.IntegerField(), null=True)
    small_integers = ArrayField(models.SmallIntegerField(), null=True)
    differences = models.BinaryField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["identity", "name", "hour", "last_ms"], name="block_series_hour"),
            # Contains only blocks that are to be compacted, so finding them costs little.
            models.Index(
                fields=["identity", "name", "hour"],
                name="block_to_compact",
                condition=models.Q(compacted=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.hour} ({self.sample_count})"


class Series(models.Model):
    """A series: an identity has samples under this name, that of a column included.

    The row comes with the series' first block and goes with its last one, in the same transaction
    and under the lock of the series. Nothing else is kept in it, so uploads to a known series
    never write it.
    """

    pk = models.CompositePrimaryKey("identity_id", "name")
    identity = models.ForeignKey(
        Identity,
        on_delete=models.CASCADE,
        related_name="series",
        db_constraint=False,
        db_index=False,
    )
    name = models.CharField(max_length=64)

    class Meta:
        verbose_name_plural = _("series")
        default_permissions = ()
        indexes = [models.Index(fields=["name", "identity"], name="series_by_name")]

    def __str__(self) -> str:
        return f"{self.identity.name}/{self.name}"


class DailyUsage(models.Model):
    """Bytes of files that an identity stored on its latest day (UTC) with uploads.

    One row for each identity, written only if ``IDENTITY_DAILY_QUOTA_BYTES`` is set. The first
    upload of another day resets it.
    """

    identity = models.OneToOneField(
        Identity,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="daily_usage",
        db_constraint=False,
    )
    day = models.DateField()
    bytes = models.PositiveBigIntegerField()
    refused = models.PositiveIntegerField(
        db_default=0, help_text=_("Refused requests of that day.")
    )
    refused_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = _("daily usage")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.day}: {self.bytes} bytes"
