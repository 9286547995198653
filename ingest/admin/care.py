"""What was found and done later: conflicts, deletions; and for how long samples are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from ingest.admin.evidence import EvidenceAdmin
from ingest.models import DataDeletion, RetentionPolicy, SampleConflict
from ingest.reading.ranges import format_instant

if TYPE_CHECKING:
    PolicyAdmin = admin.ModelAdmin[RetentionPolicy]
else:
    PolicyAdmin = admin.ModelAdmin


@admin.register(SampleConflict)
class SampleConflictAdmin(EvidenceAdmin[SampleConflict]):
    """Series of which two live certificates replace each other's samples, latest first.

    Two sensors want two names.
    """

    list_display = ("at", "identity", "name", "certificate", "replaced_certificate", "replaced",
                    "files", "first", "last")  # fmt: skip
    list_select_related = (
        "identity", "certificate__identity", "replaced_certificate__identity",
    )  # fmt: skip
    search_fields = ("identity__name", "name")
    fields = ("identity", "name", "certificate", "replaced_certificate", "replaced", "files",
              "first", "last", "first_at", "at", "measurement_id")  # fmt: skip
    readonly_fields = fields

    @admin.display(description="first sample")
    def first(self, conflict: SampleConflict) -> str:
        """Return the time of the first sample that was replaced."""
        return format_instant(conflict.first_ms)

    @admin.display(description="last sample")
    def last(self, conflict: SampleConflict) -> str:
        """Return the time of the last sample that was replaced."""
        return format_instant(conflict.last_ms)


@admin.register(DataDeletion)
class DataDeletionAdmin(EvidenceAdmin[DataDeletion]):
    """What was pruned or forgotten, latest first."""

    list_display = ("at", "kind", "identity_number", "by", "samples", "files", "before",
                    "reference", "finished_at")  # fmt: skip
    list_filter = ("kind",)
    fields = ("kind", "identity_number", "by", "reference", "before", "samples", "blocks", "files",
              "file_bytes", "at", "finished_at")  # fmt: skip
    readonly_fields = fields

    @admin.display(description="samples before")
    def before(self, deletion: DataDeletion) -> str:
        """Return the moment up to which samples were deleted."""
        return "all" if deletion.before_ms is None else format_instant(deletion.before_ms)


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(PolicyAdmin):
    """For how long samples are kept; ``manage.py prune`` carries it out."""

    list_display = ("__str__", "identity", "keep_days", "changed_at")
    list_select_related = ("identity",)
    autocomplete_fields = ("identity",)
    search_fields = ("identity__name",)
