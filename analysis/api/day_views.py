"""The view of a series' local days."""

from __future__ import annotations

import re
import zoneinfo
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import openapi as doc
from analysis.api.errors import BadParameter
from analysis.api.export_metadata import find_or_404
from analysis.api.parameters import read_number, read_parameters, read_range
from analysis.api.view_base import ReadView
from analysis.queries.days import find_zone, list_periods, start_of_day
from analysis.queries.series_interval import find_interval
from ingest.measurement_types import find_kind
from ingest.time_range import format_instant

MAX_DAYS = 1_000
DAYS_PER_PAGE = 400
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LAST_DATE = date.max - timedelta(days=2)


class DayBody(serializers.Serializer[Any]):
    """A local day with at least one sample.

    Percentiles are nearest rank, and within 1/256 (0.4 %) of the value; they are exact for whole
    numbers up to 256 and for days with fewer than 64 samples in each hour.
    """

    date = serializers.DateField()
    samples = serializers.IntegerField()
    covered_seconds = serializers.FloatField(
        help_text="Time that the samples stand for: each until the next one, for the interval of "
        "the series at most."
    )
    min = serializers.FloatField(source="minimum")
    max = serializers.FloatField(source="maximum")
    mean = serializers.FloatField()
    sd = serializers.FloatField(
        allow_null=True, help_text="Standard deviation (n - 1); null for a single sample."
    )
    p5 = serializers.FloatField()
    median = serializers.FloatField()
    p95 = serializers.FloatField()
    resting = serializers.FloatField(
        allow_null=True,
        help_text="Lowest mean of the 5-minute bins that hold at least 60 % of the expected "
        "samples; null without such a bin.",
    )


class DaysBody(serializers.Serializer[Any]):
    """Days in ascending order."""

    results = DayBody(many=True)
    next = serializers.URLField(allow_null=True, help_text="URL of the next page.")


class DaysView(ReadView):
    """A series by local days."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_days",
        summary="Days of a series",
        parameters=[
            *doc.SERIES_RANGE,
            OpenApiParameter(
                "timezone",
                str,
                description="IANA name, such as Europe/Berlin, of the zone whose midnights divide "
                "the days; default: UTC. Dates in `from` and `to` are days of this zone.",
            ),
            doc.whole_number("limit", MAX_DAYS, DAYS_PER_PAGE, description="Days on a page."),
        ],
        responses={200: DaysBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return the days with samples, ascending; days that the range divides count its part."""
        parameters = read_parameters(request, ("from", "to", "timezone", "limit"))
        zone = _read_zone(parameters)
        bounds = {name: _at_midnight(parameters, name, zone) for name in ("from", "to")}
        wanted = read_range({name: text for name, text in bounds.items() if text is not None})
        limit = read_number(parameters, "limit", DAYS_PER_PAGE, MAX_DAYS)
        series = find_or_404(request, identity, name)
        days, following = list_periods(
            series,
            wanted.within(series.first_ms, series.last_ms),
            zone,
            find_interval(series, find_kind(series.name)),
            limit=limit,
        )
        return Response(
            {
                "results": DayBody(days, many=True).data,
                "next": _make_next_url(request, parameters, following),
            }
        )


def _read_zone(parameters: dict[str, str]) -> zoneinfo.ZoneInfo:
    zone = find_zone(parameters.get("timezone", "UTC"))
    if zone is None:
        raise BadParameter("timezone", "expected an IANA time zone, such as Europe/Berlin, or UTC.")
    return zone


def _at_midnight(parameters: dict[str, str], name: str, zone: zoneinfo.ZoneInfo) -> str | None:
    """Return the parameter, a date as the first moment of that local day."""
    text = parameters.get(name)
    if text is None or not _DATE.fullmatch(text.strip()):
        return text
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return text  # for the error of the parser of instants
    return format_instant(start_of_day(day, zone)) if 1970 < day.year < _LAST_DATE.year else text


def _make_next_url(
    request: Request, parameters: dict[str, str], following: date | None
) -> str | None:
    if following is None:
        return None
    query = urlencode({**parameters, "from": following.isoformat()}, safe="/")
    return request.build_absolute_uri(f"{request.path}?{query}")
