"""Series: the list of them, and a page with chart and table for each, or for several together."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from analysis.admin.series_exports import list_exports
from analysis.models import Series as SeriesModel
from analysis.queries.series import (
    Page,
    Series,
    UnknownSeriesError,
    find_series,
    list_series,
)
from ingest.admin.read_only import EvidenceAdmin
from ingest.measurement_types import Kind, find_kinds
from ingest.time_range import format_instant

PER_PAGE = 100
MAX_TOGETHER = 6


@admin.register(SeriesModel)
class SeriesAdmin(EvidenceAdmin[SeriesModel]):
    """Not rows but runs of blocks, so that list and page are views of their own."""

    def has_view_permission(self, request: HttpRequest, obj: SeriesModel | None = None) -> bool:
        """Tell whether the user may see blocks: what holds for the read API holds here."""
        return request.user.has_perm("ingest.view_sampleblock")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the series are listed on the first page."""
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """Return the list and the chart page, and nothing else."""
        wrap = self.admin_site.admin_view
        chart = "<str:identity>/<str:name>/"
        return [
            path("", wrap(self.changelist_view), name="analysis_series_changelist"),
            path("compare/", wrap(self.compare_view), name="analysis_series_compare"),
            path(chart, wrap(self.chart_view), name="analysis_series_chart"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return a page of the list, of all identities or of those whose name has ``q`` in it."""
        self._check(request)
        search = request.GET.get("q", "").strip()
        after = request.GET.get("after", "").split("/")
        page = list_series(
            contains=search,
            after=(after[0], after[1]) if len(after) == 2 and "\0" not in after else None,
            limit=PER_PAGE,
        )
        return self._render(
            request,
            "change_list",
            title="Series",
            rows=[_row(series) for series in page.series],
            search=search,
            is_first="after" not in request.GET,
            next_query=_next_query(search, page),
        )

    def chart_view(self, request: HttpRequest, identity: str, name: str) -> HttpResponse:
        """Return the page of one series; the chart itself asks the read API for its buckets."""
        self._check(request)
        return self._chart(request, [_find(identity, name)])

    def compare_view(self, request: HttpRequest) -> HttpResponse:
        """Return the page of several series: ``?series=IDENTITY/NAME&series=...``."""
        self._check(request)
        asked = dict.fromkeys(request.GET.getlist("series"))
        pairs = [text.strip().split("/") for text in asked]
        if not 1 <= len(pairs) <= MAX_TOGETHER or any(len(pair) != 2 for pair in pairs):
            raise Http404(f"Give 1 to {MAX_TOGETHER} series as IDENTITY/NAME.")
        return self._chart(request, [_find(*pair) for pair in pairs])

    def _chart(self, request: HttpRequest, found: list[Series]) -> HttpResponse:
        kinds = find_kinds(series.name for series in found)
        titles = [f"{series.identity}/{series.name}" for series in found]
        shown = [_chip(series, kinds[series.name], titles) for series in found]
        alone = f"{found[0].name} of {found[0].identity}"
        return self._render(
            request,
            "chart",
            title=alone if len(found) == 1 else f"{len(found)} series: {', '.join(titles)}",
            shown=shown,
            exports=list_exports(found, kinds),
        )

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _render(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            f"admin/analysis/series/{template}.html",
            {**self.admin_site.each_context(request), "opts": self.opts, **context},
        )


def _find(identity: str, name: str) -> Series:
    try:
        return find_series(identity, name)
    except UnknownSeriesError as error:
        raise Http404(str(error)) from error


def _chip(series: Series, kind: Kind, titles: list[str]) -> dict[str, Any]:
    title = f"{series.identity}/{series.name}"
    rest = urlencode({"series": [each for each in titles if each != title]}, doseq=True)
    return {
        "series": series,
        "title": title,
        "kind": kind,
        "unit": kind.readable_unit,
        "low": _or_empty(kind.plausible_low),
        "high": _or_empty(kind.plausible_high),
        "count": f"{series.count:,}",
        "first": _readable(series.first_ms),
        "last": _readable(series.last_ms),
        "address": reverse("read_api:one_series", args=[series.identity, series.name]),
        "overview": reverse("admin:analysis_overview_identity", args=[series.identity]),
        "without": f"{reverse('admin:analysis_series_compare')}?{rest}" if rest else "",
    }


def _or_empty(bound: float | None) -> str:
    return "" if bound is None else f"{bound:.12g}"


def _readable(time_ms: int) -> str:
    """Return a time as the chart writes it: ``2019-06-11 19:03:55``, milliseconds if any."""
    return format_instant(time_ms).replace("T", " ").removesuffix("Z").removesuffix(".000")


def _row(series: Series) -> dict[str, Any]:
    return {
        "series": series,
        "title": f"{series.identity}/{series.name}",
        "count": f"{series.count:,}",
        "first": _readable(series.first_ms),
        "last": _readable(series.last_ms),
        "overview": reverse("admin:analysis_overview_identity", args=[series.identity]),
        "address": reverse("admin:analysis_series_chart", args=[series.identity, series.name]),
    }


def _next_query(search: str, page: Page) -> str:
    if page.after is None:
        return ""
    return urlencode({**({"q": search} if search else {}), "after": "/".join(page.after)})
