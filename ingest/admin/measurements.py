"""Uploaded files: the receipt, the errors of a rejected one, and the original to download."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from analysis.queries.original_files import make_headers
from identities.models import Identity
from ingest.admin.read_only import grouped, shown
from ingest.admin.withdrawal import WithdrawableAdmin
from ingest.models import Measurement
from ingest.storage.stored_files import read_chunks
from ingest.time_range import format_instant


@admin.register(Measurement)
class MeasurementAdmin(WithdrawableAdmin):
    """Files as devices sent them, newest first."""

    list_display = (
        "received_at", "identity", "name_shown", "filename_shown", "status_shown", "samples",
        "new", "identical", "replaced",
    )  # fmt: skip
    list_filter = ("status",)
    list_select_related = ("identity",)
    search_fields = ("identity__name",)
    search_help_text = "An identity's whole name, or the id of a receipt."
    fields = (
        "id", "identity", "series", "filename_shown", "status_shown", "withdrawal_shown",
        "error_table", "received_at", "samples", "new", "identical", "replaced", "first",
        "last", "size", "content_type_shown", "sha256_shown", "certificate", "original",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Measurement]:
        """Return the files without their content, newest first."""
        return super().get_queryset(request).defer("content")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Measurement], search_term: str
    ) -> tuple[QuerySet[Measurement], bool]:
        """Search by what an index can find: an id, or an identity's name in any case."""
        term = search_term.strip()
        if not term:
            return queryset, False
        # Lower, not iexact: that compares in upper case, which has no index.
        identities = Identity.objects.alias(plain=Lower("name")).filter(
            plain=term.replace("\0", "").lower()
        )
        wanted = Q(identity_id__in=list(identities.values_list("pk", flat=True)))
        with contextlib.suppress(ValueError):  # not an id, then
            wanted |= Q(pk=UUID(term))
        return queryset.filter(wanted), False

    # --- The original ----------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        """Return the usual pages and the download."""
        download = self.admin_site.admin_view(self.content_view)
        name = "ingest_measurement_content"
        return [path("<uuid:pk>/content/", download, name=name), *super().get_urls()]

    def content_view(self, request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
        """Return the file byte for byte, to be stored and never to be run."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        measurement = Measurement.objects.select_related("identity").filter(pk=pk).first()
        if measurement is None:
            raise Http404
        return StreamingHttpResponse(read_chunks(measurement), headers=make_headers(measurement))

    @admin.display(description="original")
    def original(self, measurement: Measurement) -> SafeString:
        """Return the link to the download."""
        address = reverse("admin:ingest_measurement_content", args=[measurement.pk])
        return format_html('<a href="{}">Download, {} bytes</a>', address, f"{measurement.size:,}")

    # --- What devices sent, made harmless --------------------------------------------------
    @admin.display(description="name")
    def name_shown(self, measurement: Measurement) -> str:
        """Return the measurement's name."""
        return shown(measurement.name)

    @admin.display(description="file name")
    def filename_shown(self, measurement: Measurement) -> str:
        """Return what the device called the file."""
        return shown(measurement.filename) or "-"

    @admin.display(description="content type")
    def content_type_shown(self, measurement: Measurement) -> str:
        """Return what the device said the file is."""
        return shown(measurement.content_type) or "-"

    @admin.display(description="series")
    def series(self, measurement: Measurement) -> SafeString | str:
        """Return the name, which leads to the chart where there is one."""
        if not measurement.samples or measurement.status != Measurement.Status.STORED:
            return shown(measurement.name)
        arguments = [measurement.identity.name, measurement.name]
        address = reverse("admin:analysis_series_chart", args=arguments)
        query = f"?from={measurement.first_ms}&to={(measurement.last_ms or 0) + 1}"
        return format_html('<a href="{}{}">{}</a>', address, query, shown(measurement.name))

    @admin.display(description="status", ordering="status")
    def status_shown(self, measurement: Measurement) -> SafeString:
        """Return the status as a word in its colour."""
        state = "active" if measurement.status == Measurement.Status.STORED else "revoked"
        label = measurement.get_status_display()
        return format_html('<span class="state state-{}">{}</span>', state, label)

    @admin.display(description="errors")
    def error_table(self, measurement: Measurement) -> SafeString | str:
        """Return the lines that could not be read, as the device was told them."""
        if not measurement.errors:
            return "none"
        rows = format_html_join(
            "", "<tr>" + "<td>{}</td>" * 4 + "</tr>", map(_cells, measurement.errors)
        )
        return format_html(
            '<div class="scrolling"><table class="errors"><thead><tr><th scope="col">Line</th>'
            '<th scope="col">Column</th><th scope="col">Found</th><th scope="col">Hint</th></tr>'
            "</thead><tbody>{}</tbody></table></div>",
            rows,
        )

    @admin.display(description="SHA-256")
    def sha256_shown(self, measurement: Measurement) -> str:
        """Return the SHA-256 of the file in groups."""
        return grouped(measurement.sha256)

    @admin.display(description="first sample")
    def first(self, measurement: Measurement) -> str:
        """Return the time of the first sample."""
        return "-" if measurement.first_ms is None else format_instant(measurement.first_ms)

    @admin.display(description="last sample")
    def last(self, measurement: Measurement) -> str:
        """Return the time of the last sample."""
        return "-" if measurement.last_ms is None else format_instant(measurement.last_ms)


def _cells(error: Any) -> tuple[str, ...]:
    if not isinstance(error, dict):
        return ("", "", "", shown(str(error)))
    return tuple(shown(str(error.get(key, ""))) for key in ("line", "column", "got", "hint"))
