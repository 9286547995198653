"""Admin pages of series: the list, and the chart page of one or several series."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from analysis.admin.data_pages import DataPagesAdmin
from analysis.admin.days import describe_days
from analysis.admin.series_comparison import Comparison, read_comparison, suggest
from analysis.admin.series_events import list_events
from analysis.admin.series_exports import list_exports
from analysis.admin.series_list import MIN_COLUMNS, format_time, read_list
from analysis.models import Series as SeriesModel
from analysis.queries.series import Series, UnknownSeriesError, find_series
from analysis.queries.side_by_side import ColumnSet, find_samples, list_columns
from identities.admin.checked_requests import render_page
from identities.visibility import scope_of
from ingest.measurement_types import Kind, find_kinds
from ingest.time_range import RangeError, describe_ahead, parse_range

COLOURS = 6


@admin.register(SeriesModel)
class SeriesAdmin(DataPagesAdmin[SeriesModel]):
    """The list of series and their chart pages.

    Series are runs of blocks, not rows, so these are views of their own.
    """

    permissions = ("ingest.view_sampleblock",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.open_to_viewers
        chart = "<str:identity>/<str:name>/"
        return [
            path("", wrap(self.changelist_view), name="analysis_series_changelist"),
            path("compare/", wrap(self.compare_view), name="analysis_series_compare"),
            path("suggest/", wrap(self.suggest_view), name="analysis_series_suggest"),
            path(chart, wrap(self.chart_view), name="analysis_series_chart"),
            path(f"{chart}days/", wrap(self.days_view), name="analysis_series_days"),
            path(f"{chart}events/", wrap(self.events_view), name="analysis_series_events"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return a page of the list; ``read_list`` has the parameters."""
        return self._render(
            request, "change_list", title=_("Series"), **read_list(request, scope_of(request.user))
        )

    def chart_view(self, request: HttpRequest, identity: str, name: str) -> HttpResponse:
        """Return the page of a series, or of all columns of a measurement in one chart.

        A series of exactly this name wins. Its script loads the buckets from the analysis API.
        """
        try:
            found = find_samples(identity, name, scope_of(request.user))
        except UnknownSeriesError as error:
            raise Http404(str(error)) from error
        if isinstance(found, Series):
            return self._chart(request, [found])
        return self._chart(request, list(found.series), found)

    def days_view(self, request: HttpRequest, identity: str, name: str) -> HttpResponse:
        """Return the page of a series by hours, days, weeks or months, in any time zone."""
        scope = scope_of(request.user)
        series = _find_or_404(request, identity, name)
        kind = find_kinds([series.name])[series.name]
        title = _("%(name)s of %(identity)s by days") % {
            "name": series.name,
            "identity": series.identity,
        }
        context = describe_days(request, series, kind, scope)
        return self._render(request, "days", title=title, **context)

    def compare_view(self, request: HttpRequest) -> HttpResponse:
        """Return the page of the series in ``?series=IDENTITY/NAME&series=…``.

        One that does not exist is an error beside the field; the others are shown.
        """
        comparison = read_comparison(request.GET.getlist("series"), scope_of(request.user))
        if not comparison.series:
            title = _("Compare series")
            return self._render(request, "compare", title=title, comparison=comparison)
        return self._chart(request, comparison.series, comparison=comparison)

    def suggest_view(self, request: HttpRequest) -> HttpResponse:
        """Return series as IDENTITY/NAME for what was typed: ``{"results": [...]}``."""
        results = suggest(request.GET.get("q", "")[:129], scope_of(request.user))
        return JsonResponse({"results": results}, headers={"Cache-Control": "no-store"})

    def events_view(self, request: HttpRequest, identity: str, name: str) -> HttpResponse:
        """Return what happened in the range ``from`` to ``to``: ``{"results": [...]}``."""
        series = _find_or_404(request, identity, name)
        try:
            wanted = parse_range(request.GET.get("from"), request.GET.get("to"))
        except RangeError as error:
            return JsonResponse({"detail": f"{error.parameter}: {error.reason}"}, status=400)
        events = list_events(series, wanted, request.user.has_perm)
        return JsonResponse({"results": events}, headers={"Cache-Control": "no-store"})

    def _chart(
        self,
        request: HttpRequest,
        series_list: list[Series],
        columns: ColumnSet | None = None,
        comparison: Comparison | None = None,
    ) -> HttpResponse:
        names = [series.name for series in series_list]
        kinds = find_kinds(names if columns is None else [columns.name, *names])
        titles = [f"{series.identity}/{series.name}" for series in series_list]
        if len(series_list) == 1:
            title = _("%(name)s of %(identity)s") % {
                "name": series_list[0].name,
                "identity": series_list[0].identity,
            }
        elif columns is not None:
            title = _("%(name)s of %(identity)s: %(columns)s") % {
                "name": columns.name,
                "identity": columns.identity,
                "columns": ", ".join(columns.columns),
            }
        else:
            title = _("%(count)s series: %(titles)s") % {
                "count": len(series_list),
                "titles": ", ".join(titles),
            }
        return self._render(
            request,
            "chart",
            title=title,
            series_list=[
                _make_series_header(series, kinds[series.name], titles) for series in series_list
            ],
            now_ms=int(time.time() * 1000),
            comparison=comparison,
            others_url=_other_columns_url(request, series_list) if columns is None else "",
            exports=list_exports(series_list, kinds, columns),
        )

    def _render(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        return render_page(self, request, f"admin/analysis/series/{template}.html", context)


def _find_or_404(request: HttpRequest, identity: str, name: str) -> Series:
    try:
        return find_series(identity, name, scope_of(request.user))
    except UnknownSeriesError as error:
        raise Http404(str(error)) from error


def _other_columns_url(request: HttpRequest, series_list: list[Series]) -> str:
    """Return the page of all columns of a measurement of which the one series shown is a column."""
    series = series_list[0]
    measurement, dot, _column = series.name.rpartition(".")
    if len(series_list) > 1 or not dot:
        return ""
    columns = list_columns(series.identity, measurement, scope_of(request.user))
    if len(columns) < MIN_COLUMNS:
        return ""
    return reverse("admin:analysis_series_chart", args=[series.identity, measurement])


def _make_series_header(series: Series, kind: Kind, titles: list[str]) -> dict[str, Any]:
    title = f"{series.identity}/{series.name}"
    others = urlencode({"series": [other for other in titles if other != title]}, doseq=True)
    return {
        "series": series,
        "title": title,
        "kind": kind,
        "unit": kind.readable_unit,
        "low": _format_bound(kind.plausible_low),
        "high": _format_bound(kind.plausible_high),
        "count": f"{series.count:,}",
        "first": format_time(series.first_ms),
        "last": format_time(series.last_ms),
        "ahead": describe_ahead(series.last_ms),
        "colour": titles.index(title) % COLOURS + 1,
        "api_url": reverse("read_api:one_series", args=[series.identity, series.name]),
        "events_url": reverse("admin:analysis_series_events", args=[series.identity, series.name]),
        "identity_url": reverse("admin:analysis_overview_identity", args=[series.identity]),
        "days_url": reverse("admin:analysis_series_days", args=[series.identity, series.name]),
        "remove_url": f"{reverse('admin:analysis_series_compare')}?{others}" if others else "",
    }


def _format_bound(bound: float | None) -> str:
    return "" if bound is None else f"{bound:.12g}"
