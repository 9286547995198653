"""Summaries of hours and days, written by ``compact`` and read for statistics and charts."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from identities.models import Identity


class HourSummary(models.Model):
    """One UTC hour of a series in a few numbers (``ingest.storage.hour_summaries``).

    ``compact`` writes it together with the blocks of the hour. It counts only while no block of the
    hour is newer, that is, while all of them are compacted: an upload pays nothing for it.
    """

    pk = models.CompositePrimaryKey("identity_id", "name", "hour")
    identity = models.ForeignKey(
        Identity,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    name = models.CharField(max_length=64)
    hour = models.IntegerField(help_text=_("Hours since 1970-01-01T00:00Z."))
    sample_count = models.IntegerField()
    covered_ms = models.IntegerField(help_text=_("The time that the samples stand for."))
    first_offset_ms = models.IntegerField()
    last_offset_ms = models.IntegerField()
    step_us = models.BigIntegerField(null=True, help_text=_("Median time between two samples."))
    gap_from_ms = models.IntegerField(null=True, help_text=_("Longest time without a sample."))
    gap_to_ms = models.IntegerField(null=True)
    minimum = models.FloatField()
    maximum = models.FloatField()
    mean = models.FloatField()
    m2 = models.FloatField(help_text=_("Sum of squared deviations from the mean."))
    bin_samples = ArrayField(models.IntegerField(), help_text=_("Samples in each 5 minutes."))
    bin_covered_ms = ArrayField(models.IntegerField())
    bin_means = ArrayField(models.FloatField(), null=True)
    sketch_is_exact = models.BooleanField(default=False)
    sketch_first = models.IntegerField(null=True)
    sketch = ArrayField(models.SmallIntegerField(), null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.hour} ({self.sample_count})"


class DaySummary(models.Model):
    """The hours of a UTC day of a series in one row (``ingest.storage.day_summaries``).

    ``compact`` writes it, and whatever writes or deletes the summary of an hour deletes it. Like
    that, it counts only while all blocks of its day are compacted.
    """

    pk = models.CompositePrimaryKey("identity_id", "name", "day")
    identity = models.ForeignKey(
        Identity,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    name = models.CharField(max_length=64)
    day = models.IntegerField(help_text=_("Days since 1970-01-01."))
    hours = models.BinaryField(help_text=_("Rows of numbers, one for each hour with samples."))
    sketch_is_exact = models.BooleanField()
    sketch_first = models.IntegerField()
    sketch = models.BinaryField(help_text=_("Numbers of 16 bits, of all samples of the day."))

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.day}"
