"""Admin of measurement files: receipts, errors and download."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from identities.admin.checked_requests import render_refusal
from identities.admin.list_search import make_digest_search, make_search
from identities.admin.relative_times import time_column
from identities.admin.visible_rows import StudyFilter
from identities.audit.recorder import note_exported
from identities.search import clean_term
from identities.visibility import scope_of, visible_rows
from ingest.admin.measurement_filters import (
    DeviceFilter,
    NameFilter,
    NotKeptFilter,
    ReceivedFilter,
    ReceivedRangeFilter,
    StatusFilter,
)
from ingest.admin.read_only import grouped, shown
from ingest.admin.withdrawal import WithdrawableAdmin
from ingest.models import Measurement
from ingest.storage.stored_files import FileDamaged, make_file_name, read_verified
from ingest.time_range import describe_ahead, format_instant

MAX_FILES_SEARCHED = 50_000
MAX_FILES_FOUND = 1_000
_ERROR_TITLES = ("Line", "Column", "Found", "Hint")
_COLUMN_COUNTS = ("name", "samples", "new", "identical", "replaced", "repeated")


@admin.register(Measurement)
class MeasurementAdmin(WithdrawableAdmin):
    """Measurement files, newest first."""

    list_display = (
        "received", "identity", "name_shown", "filename_shown", "status_shown", "samples", "new",
        "others",
    )  # fmt: skip
    list_filter = (
        DeviceFilter, StatusFilter, ReceivedFilter, ReceivedRangeFilter, NameFilter, NotKeptFilter,
        StudyFilter,
    )  # fmt: skip
    listed_lookups = ("identity__id__exact",)
    own_pages = {"content": "<uuid:pk>/content/"}
    sort_keys: ClassVar[dict[str, Any]] = {"received": F("id")}
    received = time_column("received_at", _("received"))
    list_select_related = ("identity",)
    search_fields = ("identity__name",)
    search_help_text = _(
        "A part of an identity's name, the ID of a receipt, a file name or the start of a SHA-256. "
        "The last two are searched in the newest 50,000 files, or in all of an identity; of those "
        "found the newest 1,000 are listed."
    )
    fields = (
        "id", "identity", "series_links", "filename_shown", "status_shown", "withdrawal_shown",
        "error_table", "received_at", "lines", "samples", "new", "identical", "replaced",
        "repeated_shown", "rounded_shown", "column_table", "first", "last", "size",
        "content_type_shown", "sha256_shown", "certificate", "download",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Measurement]:
        return super().get_queryset(request).defer("content")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Measurement], search_term: str
    ) -> tuple[QuerySet[Measurement], bool]:
        """Search by identity or id, which an index finds, and by file name or SHA-256.

        Indexes of the latter would cost every upload, so they are searched in the newest files,
        or in all files of the chosen identity.
        """
        term = clean_term(search_term)
        if not term:
            return queryset, False
        wanted = make_search(Measurement, "identity__name", term, scope_of(request.user))
        with contextlib.suppress(ValueError):  # not an id, then
            wanted |= Q(pk=UUID(term))
        files = queryset.filter(Q(filename=term) | make_digest_search("sha256", term))
        if "identity__id__exact" not in request.GET:
            files = files.filter(pk__gte=_find_oldest_searched())
        # Their ids, not a subquery: of two conditions with "or" one index each finds the rows then.
        found = list(files.order_by("-pk").values_list("pk", flat=True)[:MAX_FILES_FOUND])
        return queryset.filter(wanted | Q(pk__in=found)), False

    # --- Download --------------------------------------------------------------------------
    def content_view(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """Return the file byte for byte, as an attachment that browsers do not execute."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        visible = visible_rows(request.user, Measurement.objects.select_related("identity"))
        measurement = visible.filter(pk=pk).first()
        if measurement is None:
            raise Http404
        note_exported(request, measurement.identity_id)
        try:
            chunks = read_verified(measurement)
        except FileDamaged as error:
            reason = gettext("file_damaged: %(fault)s. Restore it from a backup.")
            title = gettext("The stored file is damaged")
            return render_refusal(self, request, title, reason % {"fault": error}, status=503)
        return StreamingHttpResponse(
            chunks,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(measurement.size),
                "Content-Disposition": f'attachment; filename="{make_file_name(measurement)}"',
                "X-Content-Type-Options": "nosniff",
                # A browser that opens the file anyway must not run its content.
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Cache-Control": "no-store",
            },
        )

    @admin.display(description=_("file"))
    def download(self, measurement: Measurement) -> SafeString:
        address = reverse("admin:ingest_measurement_content", args=[measurement.pk])
        return format_html(
            '<a href="{}">{}</a>', address, gettext("Download, %s bytes") % f"{measurement.size:,}"
        )

    # --- Text from devices, escaped --------------------------------------------------------
    @admin.display(description=_("name"), ordering="name")
    def name_shown(self, measurement: Measurement) -> str:
        return shown(measurement.name)

    @admin.display(description=_("file name"), ordering="filename")
    def filename_shown(self, measurement: Measurement) -> str:
        return shown(measurement.filename) or "-"

    @admin.display(description=_("content type"))
    def content_type_shown(self, measurement: Measurement) -> str:
        return shown(measurement.content_type) or "-"

    @admin.display(description=_("series"))
    def series_links(self, measurement: Measurement) -> SafeString | str:
        """Return the names of the file's series, with links to their charts if it has samples."""
        if not measurement.samples or measurement.status != Measurement.Status.STORED:
            return shown(measurement.name)
        query = f"?from={measurement.first_ms}&to={(measurement.last_ms or 0) + 1}"
        identity = measurement.identity.name
        shown_names = measurement.series_names()
        if len(shown_names) > 1:  # all columns in one chart, then each by itself
            shown_names = [measurement.name, *shown_names]
        links = (
            (reverse("admin:analysis_series_chart", args=[identity, name]), query, shown(name))
            for name in shown_names
        )
        return format_html_join(", ", '<a href="{}{}">{}</a>', links)

    @admin.display(description=_("status"), ordering="status")
    def status_shown(self, measurement: Measurement) -> SafeString:
        state = "active" if measurement.status == Measurement.Status.STORED else "revoked"
        label = measurement.get_status_display()
        return format_html('<span class="state state-{}">{}</span>', state, label)

    @admin.display(description=_("errors"))
    def error_table(self, measurement: Measurement) -> SafeString | str:
        if not measurement.errors:
            return gettext("none")
        return _make_table(_ERROR_TITLES, map(_cells, measurement.errors))

    @admin.display(description="SHA-256")
    def sha256_shown(self, measurement: Measurement) -> str:
        return grouped(measurement.sha256)

    # --- Counts and times -------------------------------------------------------------------
    @admin.display(description=_("other samples"))
    def others(self, measurement: Measurement) -> str:
        """Return the counts of samples that are not new, or not kept as sent, without zeros."""
        counts = (
            (measurement.identical, gettext("identical")),
            (measurement.replaced, gettext("replaced")),
            (measurement.repeated, gettext("repeated")),
            (measurement.rounded, gettext("rounded")),
        )
        return ", ".join(f"{count:,} {word}" for count, word in counts if count) or "–"

    @admin.display(description=_("repeated"))
    def repeated_shown(self, measurement: Measurement) -> str:
        if not measurement.repeated:
            return "0"
        meaning = gettext("not kept: a later line of the file has the same time")
        return f"{measurement.repeated:,} ({meaning})"

    @admin.display(description=_("rounded"))
    def rounded_shown(self, measurement: Measurement) -> str:
        if not measurement.rounded:
            return "0"
        meaning = gettext("stored as another decimal: they have more digits than a double keeps")
        return f"{measurement.rounded:,} ({meaning})"

    @admin.display(description=_("columns"))
    def column_table(self, measurement: Measurement) -> SafeString | str:
        if not measurement.series:
            return gettext("one")
        rows = ([shown(str(row[key])) for key in _COLUMN_COUNTS] for row in measurement.series)
        return _make_table(_COLUMN_COUNTS, rows)

    @admin.display(description=_("first sample"))
    def first(self, measurement: Measurement) -> SafeString | str:
        return _instant(measurement.first_ms)

    @admin.display(description=_("last sample"))
    def last(self, measurement: Measurement) -> SafeString | str:
        return _instant(measurement.last_ms)


def _instant(time_ms: int | None) -> SafeString | str:
    """Return a time, marked where it lies ahead of the server's clock."""
    if time_ms is None:
        return "-"
    ahead = describe_ahead(time_ms)
    if not ahead:
        return format_instant(time_ms)
    text = gettext("%(length)s ahead of now") % {"length": ahead}
    return format_html('{} <strong class="ahead">▲ {}</strong>', format_instant(time_ms), text)


def _make_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> SafeString:
    head = format_html_join("", '<th scope="col">{}</th>', ((title,) for title in titles))
    body = format_html_join("", "<tr>" + "<td>{}</td>" * len(titles) + "</tr>", rows)
    table = (
        '<div class="scrolling"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    )
    return format_html(table, head, body)


def _cells(error: Any) -> tuple[str, ...]:
    if not isinstance(error, dict):
        return ("", "", "", shown(str(error)))
    return tuple(shown(str(error.get(key, ""))) for key in ("line", "column", "got", "hint"))


def _find_oldest_searched() -> UUID:
    """Return the least id of the newest files, which the searches without an index read."""
    ids = Measurement.objects.order_by("-id").values_list("pk", flat=True)
    return next(iter(ids[MAX_FILES_SEARCHED - 1 : MAX_FILES_SEARCHED]), UUID(int=0))
