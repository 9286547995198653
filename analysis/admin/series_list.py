"""The list of series: its filters, its order and its pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy

from analysis.admin.data_pages import describe_columns
from analysis.queries.series import Series
from analysis.queries.series_order import sort_series
from identities.admin.keyset import MAX_COUNTED
from identities.admin.visible_rows import list_study_options
from identities.search import clean_term
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
    get = {name: clean_term(request.GET[name]) for name in request.GET}
    chosen = {name: get.get(name, "") for name in ("q", "name", "study", "sort")}
    after = get.get("after", "")
    rows = scope.in_study_number(chosen["study"])
    found = sort_series(
        rows,
        contains=chosen["q"],
        name=chosen["name"] or None,
        sort=chosen["sort"],
        after=after,
        limit=SERIES_PER_PAGE,
        max_sorted=MAX_COUNTED,
    )
    urls = chart_urls(found.series)
    return {
        **chosen,
        "search": chosen["q"],
        "rows": [_make_row(series, urls) for series in found.series],
        "columns": describe_columns(
            COLUMNS, found.order, found.sorts, lambda sort: _make_query(chosen, sort=sort)
        ),
        "names": list_series_names(scope),
        "studies": list_study_options(scope),
        "query": _make_query(chosen),
        "is_first": not after,
        "next_query": found.next_place and _make_query(chosen, after=found.next_place),
    }


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
