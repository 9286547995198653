"""Admin of measurement types."""

from __future__ import annotations

from django.contrib import admin

from identities.admin.checked_requests import CheckedAdmin
from identities.admin.fields import DURATION_AS_TEXT
from ingest.models import MeasurementType


@admin.register(MeasurementType)
class MeasurementTypeAdmin(CheckedAdmin):
    """Changes of label, unit and codes apply to charts and exports from the next request on."""

    list_display = ("pattern", "label", "unit", "loinc", "plausible_low", "plausible_high",
                    "expected_interval_s", "reporting_interval")  # fmt: skip
    formfield_overrides = DURATION_AS_TEXT
    search_fields = ("pattern", "label")
