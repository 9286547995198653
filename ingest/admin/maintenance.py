"""Admin of sample conflicts, data deletions and retention policies."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from identities.admin.fields import LabelledInputsMixin
from identities.admin.visible_rows import StudyFilter, VisibleRowsMixin
from identities.visibility import Scope
from ingest.admin.read_only import EvidenceAdmin, grouped, shown
from ingest.models import DataDeletion, DeviceCertificate, RetentionPolicy, SampleConflict
from ingest.time_range import format_instant


@admin.register(SampleConflict)
class SampleConflictAdmin(EvidenceAdmin[SampleConflict]):
    """Series in which devices replace each other's samples, latest first."""

    list_display = (
        "last_detected_at",
        "identity",
        "name",
        "later",
        "earlier",
        "replaced",
        "time_range",
    )
    list_filter = (StudyFilter,)
    list_select_related = (
        "identity", "certificate__identity", "replaced_certificate__identity",
    )  # fmt: skip
    search_fields = ("identity__name", "name")
    fields = (
        "identity",
        "name",
        "certificate",
        "replaced_certificate",
        "replaced",
        "files",
        "first",
        "last",
        "first_detected_at",
        "last_detected_at",
        "measurement_id",
    )
    readonly_fields = fields

    @admin.display(description=_("later device"))
    def later(self, conflict: SampleConflict) -> str:
        return _device(conflict.certificate, conflict)

    @admin.display(description=_("replaced device"))
    def earlier(self, conflict: SampleConflict) -> str:
        if conflict.is_of_one_device():
            return gettext("the same: a copied key?")
        return _device(conflict.replaced_certificate, conflict)

    @admin.display(description=_("time range (UTC)"))
    def time_range(self, conflict: SampleConflict) -> SafeString:
        ends = {"from": conflict.first_ms, "to": conflict.last_ms + 1}
        chart = reverse("admin:analysis_series_chart", args=[conflict.identity.name, conflict.name])
        first, last = (
            datetime.fromtimestamp(each / 1000, UTC)
            for each in (conflict.first_ms, conflict.last_ms)
        )
        until = f"{last:%H:%M:%S}" if last.date() == first.date() else f"{last:%Y-%m-%d %H:%M:%S}"
        text = f"{first:%Y-%m-%d %H:%M:%S} to {until}"
        return format_html('<a href="{}?{}">{}</a>', chart, urlencode(ends), text)

    @admin.display(description=_("first sample"))
    def first(self, conflict: SampleConflict) -> str:
        return format_instant(conflict.first_ms)

    @admin.display(description=_("last sample"))
    def last(self, conflict: SampleConflict) -> str:
        return format_instant(conflict.last_ms)


def _device(certificate: DeviceCertificate | None, conflict: SampleConflict) -> str:
    if certificate is None:
        return "-"
    # A certificate that was reassigned since has the label of its new identity.
    label = certificate.label if certificate.identity_id == conflict.identity_id else ""
    return shown(label, 40) or grouped(certificate.sha256)[:19]


@admin.register(DataDeletion)
class DataDeletionAdmin(EvidenceAdmin[DataDeletion]):
    """Deletions by retention and erasure, latest first."""

    identity_path = "identity_number"

    list_display = (
        "created_at",
        "kind",
        "identity_number",
        "created_by",
        "samples",
        "files",
        "before",
        "reference",
        "finished_at",
    )
    list_filter = ("kind",)
    fields = (
        "kind",
        "identity_number",
        "created_by",
        "reference",
        "before",
        "samples",
        "blocks",
        "files",
        "file_bytes",
        "created_at",
        "finished_at",
    )
    readonly_fields = fields

    @admin.display(description=_("samples before"))
    def before(self, deletion: DataDeletion) -> str:
        return gettext("all") if deletion.before_ms is None else format_instant(deletion.before_ms)


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(VisibleRowsMixin, LabelledInputsMixin):
    """How long samples are kept; ``manage.py prune`` applies the policies."""

    list_display = ("__str__", "identity", "study", "keep_days", "changed_at")
    list_select_related = ("identity", "study")
    autocomplete_fields = ("identity",)
    search_fields = ("identity__name", "study__name")

    def filter_rows(
        self, scope: Scope, rows: QuerySet[RetentionPolicy]
    ) -> QuerySet[RetentionPolicy]:
        """Return the policies of the identities and studies of ``scope``."""
        if scope.study_ids is None:
            return rows
        of_identities = scope.filter(RetentionPolicy.objects.all()).values("pk")
        return rows.filter(Q(pk__in=of_identities) | Q(study_id__in=scope.study_ids))
