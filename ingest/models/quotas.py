"""What an identity has used of its quotas."""

from __future__ import annotations

from django.db import models

from identities.models import Identity


class DailyUsage(models.Model):
    """How many bytes of files were kept of an identity on one day (UTC), its latest with any.

    One row an identity, written only where ``IDENTITY_DAILY_QUOTA_BYTES`` is set; the first
    upload of another day begins it anew.
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
    refused = models.PositiveIntegerField(db_default=0, help_text="Requests of that day.")
    refused_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "bytes of days"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.day}: {self.bytes} bytes"
