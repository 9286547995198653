"""Records of maintenance: withdrawals, conflicts, retention, deletions, recompression.

Beside them ``SeriesChange`` for the changes feed and ``InterruptedUpload``.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identities.models import Identity, lock_identity
from identities.studies import Study
from ingest.models.certificates import DeviceCertificate
from ingest.models.measurements import Measurement, make_transaction_column


class Withdrawal(models.Model):
    """A file was withdrawn: by whom, when and why. Rows are only added."""

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
    """Two live certificates of one identity replace each other's samples of a series.

    Both are the same certificate where files of one device replaced its own samples repeatedly.

    One row for each series and (replacing, replaced) pair, updated by each file: a table of
    occurrences would grow with every upload of two sensors that share a name.
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
    measurement_id = models.UUIDField(help_text=_("The latest file that replaced samples."))
    files = models.PositiveIntegerField(default=1)
    replaced = models.PositiveBigIntegerField(help_text=_("Samples, of all these files."))
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

    def is_of_one_device(self) -> bool:
        """Return whether files of one certificate replaced each other's samples."""
        return self.certificate_id == self.replaced_certificate_id


class RetentionPolicy(models.Model):
    """How long samples are kept, counted from their times.

    The policy of an identity takes precedence over those of its studies, of which the longest
    counts, and these over the one of all others. Without any, everything is kept. Only
    ``manage.py prune`` deletes.
    """

    identity = models.OneToOneField(
        Identity,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="retention",
        help_text=_("Empty: all identities without a policy of their own."),
        db_constraint=False,
    )
    study = models.OneToOneField(
        Study,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="retention",
        help_text=_("The identities of this study and of its sites."),
        db_constraint=False,
    )
    keep_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: everything is kept."),
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = _("retention policies")
        ordering = ["identity__name"]
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "study"],
                name="retention_policy_once",
                nulls_distinct=False,  # one policy for all others, too
                violation_error_message=_("This policy exists already."),
            ),
            models.CheckConstraint(
                condition=Q(identity=None) | Q(study=None),
                name="retention_policy_of_identity_or_study",
                violation_error_message=_("Choose an identity or a study, not both."),
            ),
        ]

    def __str__(self) -> str:
        kept = f"{self.keep_days} days" if self.keep_days else "everything"
        return f"{self.identity or self.study or 'all others'}: {kept}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the identity locked; raise ``Identity.DoesNotExist`` if it is erased."""
        with transaction.atomic():
            if self.identity_id is not None:
                lock_identity(self.identity_id)
            super().save(*args, **kwargs)

    @property
    def is_overall(self) -> bool:
        """Whether it is the policy of all identities without another."""
        return self.identity_id is None and self.study_id is None


class PruneWatermark(models.Model):
    """A series was pruned: files up to ``sequence`` count from ``before_ms`` on.

    A file that spans the watermark is kept whole, so verification and rebuild leave out its older
    samples.
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


class RecompressionProgress(models.Model):
    """The last file that recompression has read; one row."""

    last_id = models.UUIDField(default=uuid.UUID(int=0))

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.last_id)


class DataDeletion(models.Model):
    """Data was deleted: by whom, when, how much; the identity by number. Rows are only added."""

    class Kind(models.TextChoices):
        PRUNE = "prune", _("Retention")
        ERASURE = "forget", _("Erasure")

    kind = models.CharField(max_length=10, choices=Kind.choices)
    identity_number = models.BigIntegerField(
        help_text=_("The number that the identity has or had.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=150)
    reference = models.CharField(max_length=200, blank=True)
    before_ms = models.BigIntegerField(null=True, help_text=_("Only samples before this time."))
    files = models.PositiveBigIntegerField(default=0)
    file_bytes = models.PositiveBigIntegerField(default=0)
    blocks = models.PositiveBigIntegerField(default=0)
    samples = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.created_at:%Y-%m-%d %H:%M:%S}"


class SeriesChange(models.Model):
    """Maintenance changed the samples of a series, or an identity entered or left a study.

    With the stored files these rows are the changes feed. The identity is a number: the row of an
    erasure outlives it.
    """

    class Kind(models.TextChoices):
        REPLACED = "replaced", _("Replaced")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        ERASED = "erased", _("Erased")
        REPARSED = "reparsed", _("Reparsed")
        ENTERED = "entered", _("Entered a study")
        LEFT = "left", _("Left a study")

    identity_number = models.BigIntegerField(
        help_text=_("The number that the identity has or had.")
    )
    name = models.CharField(max_length=64, help_text=_("Empty: each series of the identity."))
    kind = models.CharField(max_length=10, choices=Kind.choices)
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField(help_text=_("The first millisecond after the range."))
    measurement_id = models.UUIDField(null=True)
    studies = ArrayField(
        models.BigIntegerField(),
        default=list,
        help_text=_("The study entered or left; of an erasure, those of the identity then."),
    )
    at = models.DateTimeField(default=timezone.now)
    transaction = make_transaction_column()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["transaction", "id"], name="series_change_transaction")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.at:%Y-%m-%d %H:%M:%S}"


class InterruptedUpload(models.Model):
    """An upload during which a worker process died, by certificate and body length.

    The row is deleted once the upload succeeds.
    """

    sha256 = models.BinaryField("SHA-256", max_length=32)
    size = models.BigIntegerField(help_text=_("Length of the body as sent."))
    count = models.PositiveIntegerField(default=0, help_text=_("Workers that died in it."))
    last_at = models.DateTimeField()
    retry_at = models.DateTimeField(help_text=_("Answered 503 until then."))

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["sha256", "size"], name="interrupted_upload_unique")
        ]

    def __str__(self) -> str:
        return f"{bytes(self.sha256).hex()[:16]} {self.size}"
