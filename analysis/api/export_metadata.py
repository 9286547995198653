"""The series, provenance and response headers that all exports share."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request

from analysis.api.errors import UnknownSeries
from analysis.exports.provenance import describe_export, names_of
from analysis.queries.series import Series, UnknownSeriesError, find_series
from analysis.queries.side_by_side import ColumnSet, find_column_set, find_samples
from identities.audit.recorder import note_exported
from identities.visibility import Scope, scope_of_request
from ingest.measurement_types import find_kinds
from ingest.time_range import TimeRange, format_epoch, format_instant

_SHORT_KEYS = ("source", "identity", "series", "from", "to")


def find_or_404(request: Request, identity: str, name: str) -> Series:
    """Return the series; raise ``UnknownSeries``, also if the request may not see the identity."""
    scope = scope_of_request(request)
    try:
        found = find_series(identity, name, scope)
    except UnknownSeriesError as error:
        raise UnknownSeries(f"{error}{_name_columns(identity, name, scope)}") from error
    note_exported(request._request, found.identity_id)
    return found


def _name_columns(identity: str, name: str, scope: Scope) -> str:
    """Return which series the columns of a measurement are, "" if it has none."""
    try:
        found = find_column_set(identity, name, scope)
    except UnknownSeriesError:
        return ""
    return f" Its columns are series: {', '.join(names_of(found)[1:])}."


def find_samples_or_404(
    request: Request,
    identity: str,
    name: str,
    columns: Sequence[str] | None = None,
    *,
    is_side_by_side: bool = False,
    scope: Scope | None = None,
) -> Series | ColumnSet:
    """Return the series, or columns side by side (``find_samples``); raise ``UnknownSeries``.

    ``scope`` is by default what the request may see.
    """
    scope = scope_of_request(request) if scope is None else scope
    try:
        found = find_samples(identity, name, scope, columns, is_side_by_side=is_side_by_side)
    except UnknownSeriesError as error:
        raise UnknownSeries(str(error)) from error
    first = found if isinstance(found, Series) else found.series[0]
    note_exported(request._request, first.identity_id)
    return found


def make_provenance(
    request: Request, found: Series | ColumnSet, wanted: TimeRange
) -> dict[str, Any]:
    """Return provenance and data dictionary of an export."""
    source = request.build_absolute_uri("/")
    return describe_export(found, find_kinds(names_of(found)), wanted, timezone.now(), source)


def make_provenance_headers(
    request: Request, found: Series | ColumnSet, wanted: TimeRange, provenance: dict[str, Any]
) -> dict[str, str]:
    """Return headers with the provenance in short and a link to the whole."""
    short = {key: provenance[key] for key in _SHORT_KEYS}
    short |= {"unit": provenance["measurement"]["unit"], "exported_at": provenance["exported_at"]}
    path = reverse("read_api:dictionary", args=[found.identity, found.name])
    start, end = map(format_epoch, wanted.within_us(found.first_ms, found.last_ms))
    query = {"from": start, "to": end}
    if isinstance(found, ColumnSet):
        query["columns"] = ",".join(found.columns)
    url = request.build_absolute_uri(f"{path}?{urlencode(query)}")
    return {
        "X-Provenance": json.dumps(short),
        "Link": f'<{url}>; rel="describedby"; type="application/json"',
    }


def make_file_name(found: Series | ColumnSet, wanted: TimeRange, suffix: str) -> str:
    """Return a file name with identity, measurement and range, such as ``a_hr_…Z_…Z.csv``."""
    start, end = wanted.within(found.first_ms, found.last_ms)
    ends = [re.sub(r"[-:]|\.\d+| ms", "", format_instant(each)) for each in (start, end)]
    return "_".join((found.identity, found.name, *ends)) + suffix


def make_download_headers(file_name: str) -> dict[str, str]:
    """Return headers that make a browser save the response under ``file_name``."""
    return {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "X-Content-Type-Options": "nosniff",
    }
