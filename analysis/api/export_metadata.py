"""What all exports share: the series that is asked for, and what is told beside its samples."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from rest_framework.request import Request

from analysis.api.errors import UnknownSeries
from analysis.exports.provenance import describe_export, describe_in_headers
from analysis.queries.series import Series, UnknownSeriesError, find_series
from ingest.measurement_types import find_kind
from ingest.time_range import TimeRange


def find_or_404(identity: str, name: str) -> Series:
    """Return the series; raise ``UnknownSeries``."""
    try:
        return find_series(identity, name)
    except UnknownSeriesError as error:
        raise UnknownSeries(str(error)) from error


def described(
    request: Request, series: Series, wanted: TimeRange
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return provenance and data dictionary of an export, and the headers that tell them."""
    kind = find_kind(series.name)
    source = request.build_absolute_uri("/")
    provenance = describe_export(series, kind, wanted, timezone.now(), source)
    address = reverse("read_api:dictionary", args=[series.identity, series.name])
    start, end = wanted.within(series.first_ms, series.last_ms)
    address = request.build_absolute_uri(f"{address}?{urlencode({'from': start, 'to': end})}")
    return provenance, describe_in_headers(provenance, address)
