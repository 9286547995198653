"""What measurements mean, by name: unit, codes, plausible values; and whom analysts watch."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models


class MeasurementType(models.Model):
    """What stands behind a measurement's name: charts and exports take unit and codes from here.

    A pattern is a whole name, or the beginning of one followed by ``*``. A whole name goes
    before a beginning, a longer beginning before a shorter one; upper and lower case differ, as
    in the names themselves.
    """

    pattern = models.CharField(
        "name",
        max_length=65,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\*?\Z",
                "A name as devices send it, or the beginning of one followed by *.",
            )
        ],
        help_text="A measurement's name, or the beginning of names followed by *: hr*",
    )
    label = models.CharField(max_length=80, help_text="What people call it: Heart rate")
    unit = models.CharField(
        max_length=40,
        blank=True,
        help_text="UCUM code of the unit: /min, ms, Cel, mm[Hg], %",
    )
    loinc = models.CharField(
        "LOINC code",
        max_length=10,
        blank=True,
        validators=[RegexValidator(r"\A[0-9]{1,7}-[0-9]\Z", "Digits, a hyphen and one digit.")],
        help_text="Needed to export as FHIR: 8867-4 is heart rate.",
    )
    plausible_low = models.FloatField(
        null=True, blank=True, help_text="Values below are marked as implausible, never dropped."
    )
    plausible_high = models.FloatField(null=True, blank=True, help_text="The same above.")
    expected_interval_s = models.FloatField(
        "expected interval (s)",
        null=True,
        blank=True,
        validators=[MinValueValidator(0.001)],
        help_text="Seconds between samples while a device is worn. Empty: taken from the samples.",
    )
    reporting_interval = models.DurationField(
        "a sample at least every",
        null=True,
        blank=True,
        help_text="A series without one is told as late: 90s, 5m, 12h, 7d. Empty: not watched. "
        "An identity's own interval goes before this.",
    )
    grace_period = models.DurationField(
        "grace", null=True, blank=True, help_text="Added to it: 90s, 5m, 12h, 7d."
    )

    class Meta:
        ordering = ["pattern"]

    def __str__(self) -> str:
        return f"{self.label} ({self.pattern})"

    def clean(self) -> None:
        """Refuse a plausible range that is the wrong way round."""
        super().clean()
        low, high = self.plausible_low, self.plausible_high
        if low is not None and high is not None and low > high:
            raise ValidationError({"plausible_high": "Must not be less than the lower end."})
