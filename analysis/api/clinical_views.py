"""Views that hand samples out in the forms of health care: FHIR and Open mHealth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from analysis.api import openapi as doc
from analysis.api.errors import WithoutCode
from analysis.api.export_metadata import described, find_or_404
from analysis.api.parameters import read_choice, read_parameters, read_range
from analysis.api.view_base import ReadView
from analysis.exports.fhir import (
    CONTENT_TYPE,
    VERSIONS,
    Coded,
    make_observations,
)
from analysis.exports.open_mhealth import encode_heart_rates
from analysis.queries.samples import read_samples
from analysis.queries.series import Series
from ingest.measurement_types import HEART_RATE, Kind, find_kind
from ingest.time_range import TimeRange, format_instant

DAY_MS = 86_400_000


class FhirView(ReadView):
    """A day of samples as a FHIR Bundle of Observations."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_fhir",
        summary="Samples as FHIR Observations, a day a page",
        parameters=[
            doc.IDENTITY,
            doc.NAME,
            doc.FROM,
            doc.TO,
            OpenApiParameter("version", enum=list(VERSIONS), default="r4b"),
        ],
        responses={
            (200, CONTENT_TYPE): OpenApiResponse(OpenApiTypes.OBJECT, "A Bundle."),
            **doc.error_responses(400, 404, 409),
        },
    )
    def get(self, request: Request, identity: str, name: str) -> StreamingHttpResponse:
        """Return the first UTC day with samples; the Bundle's link ``next`` leads to the rest."""
        given = read_parameters(request, ("from", "to", "version"))
        wanted = read_range(given)
        version = read_choice(given, "version", VERSIONS, "r4b")
        series = find_or_404(identity, name)
        coded = _coded(series, find_kind(series.name))
        day, follows = _first_day(series, wanted)
        bundle = _bundle(request, {**given, "version": version}, follows)
        entries = make_observations(read_samples(series, day), coded, version)
        _, headers = described(request, series, day)
        file_name = f"{series.identity}_{series.name}_fhir-{version}.json"
        headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
        return StreamingHttpResponse(
            _encode_bundle(bundle, entries), content_type=CONTENT_TYPE, headers=headers
        )


class OpenMhealthView(ReadView):
    """Heart rates as Open mHealth data points."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_open_mhealth",
        summary="Heart rates as Open mHealth data points",
        parameters=[doc.IDENTITY, doc.NAME, doc.FROM, doc.TO],
        responses={
            (200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, "An array."),
            **doc.error_responses(400, 404, 409),
        },
    )
    def get(self, request: Request, identity: str, name: str) -> StreamingHttpResponse:
        """Stream a JSON array of ``omh:heart-rate:2.0``, one a sample."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        series = find_or_404(identity, name)
        if find_kind(series.name).loinc != HEART_RATE:
            raise WithoutCode(
                f"Only heart rates have this form, and no measurement type says that "
                f"{series.name!a} is one (LOINC {HEART_RATE})."
            )
        _, headers = described(request, series, wanted)
        file_name = f"{series.identity}_{series.name}_open-mhealth.json"
        headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
        pieces = encode_heart_rates(read_samples(series, wanted), series.identity, series.name)
        return StreamingHttpResponse(pieces, content_type="application/json", headers=headers)


def _coded(series: Series, kind: Kind) -> Coded:
    if not kind.loinc or not kind.unit:
        raise WithoutCode(
            f"FHIR needs to know what {series.name!a} is: give it a measurement type with a "
            "LOINC code and a unit in the admin."
        )
    return Coded(series.identity, series.name, kind.loinc, kind.label, kind.unit)


def _first_day(series: Series, wanted: TimeRange) -> tuple[TimeRange, int | None]:
    """Return the part of ``wanted`` in its first UTC day with samples, and where to go on."""
    start, end = wanted.within(series.first_ms, series.last_ms)
    first = next(read_samples(series, TimeRange(start, end)), None)
    if first is None:
        return TimeRange(start, start), None
    day = int(first.time_ms[0]) // DAY_MS * DAY_MS
    next_day = day + DAY_MS
    follows = next_day < end and next_day <= series.last_ms
    return TimeRange(max(start, day), min(end, next_day)), next_day if follows else None


def _bundle(request: Request, given: dict[str, str], follows: int | None) -> dict[str, Any]:
    own = request.build_absolute_uri(request.path)
    links = [{"relation": "self", "url": f"{own}?{urlencode(given)}"}]
    if follows is not None:
        query = urlencode({**given, "from": format_instant(follows)})
        links.append({"relation": "next", "url": f"{own}?{query}"})
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": timezone.now().isoformat(timespec="seconds"),
        "link": links,
    }


def _encode_bundle(
    bundle: dict[str, Any], observations: Iterator[dict[str, Any]]
) -> Iterator[bytes]:
    first = next(observations, None)
    if first is None:  # an empty array is not allowed
        yield json.dumps(bundle).encode()
        return
    yield json.dumps(bundle)[:-1].encode() + b', "entry": ['
    separator = "\n"
    for each in chain([first], observations):
        entry = {"fullUrl": f"urn:uuid:{each['id']}", "resource": each}
        yield (separator + json.dumps(entry)).encode()
        separator = ",\n"
    yield b"\n]}\n"
