"""Admin of measurement types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from identities.admin.fields import DURATION_AS_TEXT
from ingest.models import MeasurementType

if TYPE_CHECKING:
    TypeAdmin = admin.ModelAdmin[MeasurementType]
else:
    TypeAdmin = admin.ModelAdmin


@admin.register(MeasurementType)
class MeasurementTypeAdmin(TypeAdmin):
    """Changes of label, unit and codes apply to charts and exports from the next request on."""

    list_display = ("pattern", "label", "unit", "loinc", "plausible_low", "plausible_high",
                    "expected_interval_s", "reporting_interval")  # fmt: skip
    formfield_overrides = DURATION_AS_TEXT
    search_fields = ("pattern", "label")
