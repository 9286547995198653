"""Annotations, the database roles of studies, and proxies for the admin's pages of stored data."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identities.models import Identity, lock_identity
from identities.studies import Study
from ingest.models import SampleBlock


class Overview(Identity):
    """An identity with the state of its data and devices."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "overview"
        verbose_name_plural = "overview"


class Compliance(Identity):
    """An identity with the time that its samples cover, day by day."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = verbose_name_plural = "compliance"


class Series(SampleBlock):
    """A series in the admin (``analysis.queries.series``), for users who may view blocks."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = verbose_name_plural = "series"


class StudyRole(models.Model):
    """A database role that reads one study and its sites: ``create_readonly_role --study``."""

    role = models.CharField(max_length=63, unique=True)
    study = models.ForeignKey(
        Study, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.role}: {self.study}"


class Annotation(models.Model):
    """A note that staff add to a time, or a range of time, of an identity or of one series."""

    identity = models.ForeignKey(
        Identity,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("identity"),
    )
    name = models.CharField(
        _("series"), max_length=64, blank=True, help_text=_("Empty: the identity as a whole.")
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(
        _("to"), null=True, blank=True, help_text=_("Empty: a single moment.")
    )
    text = models.CharField(_("note"), max_length=1000)
    created_at = models.DateTimeField(_("written"), default=timezone.now, editable=False)
    created_by = models.CharField(_("author"), max_length=150, editable=False)

    class Meta:
        verbose_name = _("annotation")
        verbose_name_plural = _("annotations")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")),
                name="annotation_ends_after_its_start",
                violation_error_message=_("The end is before the start."),
            ),
        ]
        indexes = [models.Index(fields=["identity", "starts_at"], name="annotation_of_identity")]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M:%S} {self.text[:60]}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the identity locked; raise ``Identity.DoesNotExist`` if it is erased."""
        with transaction.atomic():
            lock_identity(self.identity_id)
            super().save(*args, **kwargs)

    def clean(self) -> None:
        """Refuse text that a database or a page cannot hold."""
        if "\0" in self.text:
            raise ValidationError({"text": _("Enter text.")})
