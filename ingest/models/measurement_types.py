"""Measurement types: unit, codes, plausible range and monitoring of measurements, by name."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

_COLUMN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"
_LOINC = r"[0-9]{1,7}-[0-9]"


class MeasurementType(models.Model):
    """The meaning of a measurement's name, for charts, exports and monitoring.

    A pattern is a whole name, or a prefix followed by ``*``. A whole name takes precedence over a
    prefix, a longer prefix over a shorter one. Patterns are case-sensitive, as names are.
    """

    pattern = models.CharField(
        _("name"),
        max_length=65,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\*?\Z",
                _("A name as devices send it, or a prefix followed by *."),
            )
        ],
        help_text=_("A measurement's name, or a prefix of names followed by *: hr*"),
    )
    label = models.CharField(
        max_length=80, help_text=_("The name in charts and exports: Heart rate")
    )
    unit = models.CharField(
        max_length=40,
        blank=True,
        help_text=_("UCUM code of the unit: /min, ms, Cel, mm[Hg], %"),
    )
    columns = models.CharField(
        max_length=2048,
        blank=True,
        validators=[
            RegexValidator(
                rf"\A{_COLUMN}(?:, ?{_COLUMN}){{1,62}}\Z",
                _("Two or more names, each 1 to 32 of A-Z a-z 0-9 _ -, separated by commas."),
            )
        ],
        help_text=_(
            "Names of the value columns of a file without a header line: x, y, z. Files that are "
            "stored already keep their names."
        ),
    )
    column_units = models.CharField(
        max_length=2048,
        blank=True,
        help_text=_("UCUM code of each column's unit, separated by commas. Empty: the unit."),
    )
    loinc = models.CharField(
        _("LOINC code"),
        max_length=10,
        blank=True,
        validators=[RegexValidator(rf"\A{_LOINC}\Z", _("Digits, a hyphen and one digit."))],
        help_text=_("Required to export as FHIR: 8867-4 is heart rate."),
    )
    column_loincs = models.CharField(
        _("LOINC codes of the columns"),
        max_length=2048,
        blank=True,
        default="",
        db_default="",
        validators=[
            RegexValidator(
                rf"\A{_LOINC}(?:, ?{_LOINC}){{1,62}}\Z", _("One code for each column, by commas.")
            )
        ],
        help_text=_(
            "One for each column, separated by commas: 8480-6, 8462-4 are systolic and diastolic "
            "pressure. Empty: the columns are the dimensions of one measurement."
        ),
    )
    refuse_repeated_times = models.BooleanField(
        _("refuse repeated times"),
        default=False,
        db_default=False,
        help_text=_(
            "Reject a file in which a column has two values at one time. Otherwise the last value "
            "is kept, and the receipt counts the others as repeated."
        ),
    )
    plausible_low = models.FloatField(
        null=True, blank=True, help_text=_("Lower values are marked as implausible, never dropped.")
    )
    plausible_high = models.FloatField(
        null=True, blank=True, help_text=_("Higher values are marked as implausible.")
    )
    expected_interval_s = models.FloatField(
        _("expected interval (s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.001)],
        help_text=_(
            "Seconds between samples while a device is worn. Empty: estimated from the samples."
        ),
    )
    reporting_interval = models.DurationField(
        _("reporting interval"),
        null=True,
        blank=True,
        help_text=_(
            "A series without a new sample for longer is overdue: 90s, 5m, 12h, 7d. Empty: not "
            "monitored. The interval of an identity takes precedence."
        ),
    )
    grace_period = models.DurationField(
        _("grace period"),
        null=True,
        blank=True,
        help_text=_("Added to the reporting interval: 90s, 5m, 12h, 7d."),
    )

    class Meta:
        ordering = ["pattern"]

    def __str__(self) -> str:
        return f"{self.label} ({self.pattern})"

    def column_names(self) -> list[str]:
        """Return the names of the value columns, none for a single one."""
        return [name.strip() for name in self.columns.split(",")] if self.columns else []

    def units_by_column(self) -> dict[str, str]:
        """Return the unit of each named column."""
        names = self.column_names()
        if not self.column_units:
            return dict.fromkeys(names, self.unit)
        units = [unit.strip() for unit in self.column_units.split(",")]
        return dict(zip(names, units, strict=False))

    def loincs_by_column(self) -> dict[str, str]:
        """Return the LOINC code of each named column, empty where columns have no own codes."""
        codes = [code.strip() for code in self.column_loincs.split(",")]
        return dict(zip(self.column_names(), codes, strict=False)) if self.column_loincs else {}

    def clean(self) -> None:
        """Reject a plausible range whose ends are reversed."""
        super().clean()
        low, high = self.plausible_low, self.plausible_high
        if low is not None and high is not None and low > high:
            raise ValidationError({"plausible_high": _("Must not be less than the lower end.")})
        names = self.column_names()
        if len(names) != len({*names}):
            raise ValidationError({"columns": _("Two columns have the same name.")})
        if self.column_units and self.column_units.count(",") + 1 != len(names):
            raise ValidationError({"column_units": _("Enter one unit for each column.")})
        if self.column_loincs and self.column_loincs.count(",") + 1 != len(names):
            raise ValidationError({"column_loincs": _("Enter one code for each column.")})
