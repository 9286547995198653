"""What was done with stored data later: withdrawn, found in conflict, pruned, forgotten."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from identities.models import Identity
from ingest.models.certificates import DeviceCertificate
from ingest.models.measurements import Measurement


class Withdrawal(models.Model):
    """That an upload was a mistake: who said so, when and why. Rows are only ever added."""

    measurement = models.OneToOneField(
        Measurement, on_delete=models.CASCADE, related_name="withdrawal", db_constraint=False
    )
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} {self.reason}"


class SampleConflict(models.Model):
    """That two live certificates of one identity replace each other's samples of a series.

    One row for each series and (replacing, replaced) pair, brought up to date by each file:
    two sensors that share a name by mistake would fill a table of occurrences.
    """

    identity = models.ForeignKey(
        Identity, on_delete=models.CASCADE, related_name="conflicts", db_constraint=False
    )
    name = models.CharField(max_length=64)
    certificate = models.ForeignKey(
        DeviceCertificate,
        on_delete=models.CASCADE,
        related_name="conflicts_won",
        db_constraint=False,
    )
    replaced_certificate = models.ForeignKey(
        DeviceCertificate,
        on_delete=models.CASCADE,
        related_name="conflicts_lost",
        db_constraint=False,
    )
    measurement_id = models.UUIDField(help_text="The latest file that replaced samples.")
    files = models.PositiveIntegerField(default=1)
    replaced = models.PositiveBigIntegerField(help_text="Samples, over all these files.")
    first_ms = models.BigIntegerField()
    last_ms = models.BigIntegerField()
    first_detected_at = models.DateTimeField(default=timezone.now)
    last_detected_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-last_detected_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "name", "certificate", "replaced_certificate"],
                name="conflict_once_per_series_and_pair",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.replaced} samples replaced"


class RetentionPolicy(models.Model):
    """How long samples are kept, counted from the time at which they were taken.

    The policy of an identity takes the place of the one without an identity. Where neither is,
    everything is kept. Nothing is deleted but by ``manage.py prune``.
    """

    identity = models.OneToOneField(
        Identity,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="retention",
        help_text="Empty: all identities that have no policy of their own.",
        db_constraint=False,
    )
    keep_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Empty: everything is kept.",
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "retention policies"
        ordering = ["identity__name"]
        constraints = [
            models.UniqueConstraint(
                fields=["identity"],
                name="retention_policy_one_overall",
                nulls_distinct=False,  # of all identities there is one policy too
                violation_error_message="There is a policy for this already.",
            ),
        ]

    def __str__(self) -> str:
        kept = f"{self.keep_days} days" if self.keep_days else "everything"
        return f"{self.identity or 'all others'}: {kept}"


class PruneWatermark(models.Model):
    """Up to where a series was pruned: of files up to ``sequence``, samples from ``before_ms`` on.

    A file that reaches across the mark is kept whole, so its older samples have to be left out
    when the series is compared with its files or made anew.
    """

    identity = models.ForeignKey(
        Identity, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    name = models.CharField(max_length=64)
    sequence = models.BigIntegerField()
    before_ms = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "name", "sequence"], name="prune_watermark_once_per_sequence"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} before {self.before_ms}"


class DataDeletion(models.Model):
    """That data was deleted: who, when, how much; of whom by number only. Rows are only added."""

    class Kind(models.TextChoices):
        """Why it was deleted."""

        PRUNE = "prune"
        FORGET = "forget"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    identity_number = models.BigIntegerField(help_text="The number that the identity has or had.")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=150)
    reference = models.CharField(max_length=200, blank=True)
    before_ms = models.BigIntegerField(null=True, help_text="Only samples taken before this.")
    files = models.PositiveBigIntegerField(default=0)
    file_bytes = models.PositiveBigIntegerField(default=0)
    blocks = models.PositiveBigIntegerField(default=0)
    samples = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.created_at:%Y-%m-%d %H:%M:%S}"
