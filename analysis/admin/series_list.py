"""The list of series: its filters, its order and its pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy

from analysis.queries.series import Series, list_series
from analysis.queries.series_order import SortedSeries, sort_series
from identities.admin.visible_rows import list_study_options
from identities.visibility import Scope
from ingest.series_names import list_series_names
from ingest.time_range import describe_ahead, format_instant

SERIES_PER_PAGE = 100
MIN_COLUMNS = 2  # a single column has a chart of its own
COLUMNS = (
    ("identity", gettext_lazy("Identity"), False),
    ("name", gettext_lazy("Series"), False),
    ("samples", gettext_lazy("Samples"), True),
    ("first", gettext_lazy("First (UTC)"), True),
    ("last", gettext_lazy("Last (UTC)"), True),
)


def read_list(request: HttpRequest, scope: Scope) -> dict[str, Any]:
    """Return the context of a page of the list.

    ``q`` is a part of the identity's name, ``name`` a series', ``study`` a number, ``sort`` a
    column, and ``after`` the place of the page (see ``sort_series``).
    """
    get = {name: request.GET[name].replace("\0", "").strip() for name in request.GET}
    chosen = {name: get.get(name, "") for name in ("q", "name", "study", "sort")}
    after = get.get("after", "")
    rows = scope.in_study_number(chosen["study"])
    wanted: dict[str, Any] = {"contains": chosen["q"], "name": chosen["name"] or None}
    found = sort_series(rows, **wanted, sort=chosen["sort"], after=after, limit=SERIES_PER_PAGE)
    if found is None:
        identity, slash, name = after.partition("/")
        place = (identity, name) if slash and "/" not in name else None
        page = list_series(rows, **wanted, after=place, limit=SERIES_PER_PAGE)
        series_list, following = page.series, "/".join(page.after or ())
    else:
        series_list, following = found.series, found.following
    urls = chart_urls(series_list)
    return {
        **chosen,
        "search": chosen["q"],
        "rows": [_make_row(series, urls) for series in series_list],
        "columns": _make_columns(chosen, found),
        "names": list_series_names(scope),
        "studies": list_study_options(scope),
        "query": _make_query(chosen),
        "is_first": not after,
        "next_query": following and _make_query(chosen, after=following),
    }


def _make_columns(chosen: dict[str, str], found: SortedSeries | None) -> list[dict[str, Any]]:
    """Return the columns, with a query that sorts by each if that can be had."""
    columns = []
    for name, label, is_number in COLUMNS:
        is_chosen = found is not None and found.sort == name
        is_descending = found is not None and found.is_descending
        sign = "-" if is_chosen and not is_descending else ""
        can_sort = found is not None and name in found.sorts
        order = "descending" if is_descending else "ascending"
        columns.append(
            {
                "label": label,
                "is_number": is_number,
                "query": _make_query(chosen, sort=sign + name) if can_sort else "",
                "order": order if is_chosen else "none",
            }
        )
    return columns


def _make_query(chosen: dict[str, str], **changed: str) -> str:
    return urlencode({key: text for key, text in {**chosen, **changed}.items() if text})


def chart_urls(series_list: Iterable[Series]) -> dict[tuple[str, str], str]:
    """Return the address of the chart for each (identity, name).

    It shows all columns of the measurement where several of ``series_list`` are its columns.
    """
    series_list = list(series_list)
    measurements = Counter(
        (series.identity, series.name.rpartition(".")[0]) for series in series_list
    )
    exact = {(series.identity, series.name) for series in series_list}
    urls = {}
    for series in series_list:
        measurement = series.identity, series.name.rpartition(".")[0]
        is_column = measurement[1] and measurements[measurement] >= MIN_COLUMNS
        shown = measurement if is_column and measurement not in exact else None
        urls[series.identity, series.name] = reverse(
            "admin:analysis_series_chart", args=shown or [series.identity, series.name]
        )
    return urls


def _make_row(series: Series, urls: dict[tuple[str, str], str]) -> dict[str, Any]:
    return {
        "series": series,
        "title": f"{series.identity}/{series.name}",
        "count": f"{series.count:,}",
        "first": format_time(series.first_ms),
        "last": format_time(series.last_ms),
        "identity_url": reverse("admin:analysis_overview_identity", args=[series.identity]),
        "ahead": describe_ahead(series.last_ms),
        "chart_url": urls[series.identity, series.name],
    }


def format_time(time_ms: int) -> str:
    """Return ``2019-06-11 19:03:55``, with milliseconds unless they are 0, as the chart does."""
    return format_instant(time_ms).replace("T", " ").removesuffix("Z").removesuffix(".000")
