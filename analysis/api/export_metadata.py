"""The series, provenance and response headers that all exports share."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request

from analysis.api.errors import UnknownSeries
from analysis.exports.provenance import describe_export
from analysis.queries.series import Series, UnknownSeriesError, find_series
from identities.visibility import scope_of_request
from ingest.measurement_types import find_kind
from ingest.time_range import TimeRange

_SHORT_KEYS = ("source", "identity", "series", "from", "to")


def find_or_404(request: Request, identity: str, name: str) -> Series:
    """Return the series; raise ``UnknownSeries``, also if the request may not see the identity."""
    try:
        return find_series(identity, name, scope_of_request(request))
    except UnknownSeriesError as error:
        raise UnknownSeries(str(error)) from error


def make_provenance(request: Request, series: Series, wanted: TimeRange) -> dict[str, Any]:
    """Return provenance and data dictionary of an export of the series."""
    source = request.build_absolute_uri("/")
    return describe_export(series, find_kind(series.name), wanted, timezone.now(), source)


def make_provenance_headers(
    request: Request, series: Series, wanted: TimeRange, provenance: dict[str, Any]
) -> dict[str, str]:
    """Return headers with the provenance in short and a link to the whole."""
    short = {key: provenance[key] for key in _SHORT_KEYS}
    short |= {"unit": provenance["measurement"]["unit"], "exported_at": provenance["exported_at"]}
    path = reverse("read_api:dictionary", args=[series.identity, series.name])
    start, end = wanted.within(series.first_ms, series.last_ms)
    url = request.build_absolute_uri(f"{path}?{urlencode({'from': start, 'to': end})}")
    return {
        "X-Provenance": json.dumps(short),
        "Link": f'<{url}>; rel="describedby"; type="application/json"',
    }


def make_download_headers(file_name: str) -> dict[str, str]:
    """Return headers that make a browser save the response under ``file_name``."""
    return {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "X-Content-Type-Options": "nosniff",
    }
