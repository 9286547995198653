"""The use of quotas by identities."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from identities.models import Identity


class DailyUsage(models.Model):
    """The bytes of files stored for an identity on its latest day with any, in UTC.

    One row per identity, written only where ``IDENTITY_DAILY_QUOTA_BYTES`` is set; the first
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
    refused = models.PositiveIntegerField(db_default=0, help_text=_("Requests of that day."))
    refused_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = _("daily usage")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.day}: {self.bytes} bytes"
