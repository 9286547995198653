"""Views that export samples in healthcare formats: FHIR and Open mHealth."""

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
from analysis.api.errors import MeasurementWithoutCode
from analysis.api.export_metadata import (
    find_or_404,
    find_samples_or_404,
    make_download_headers,
    make_file_name,
    make_provenance,
    make_provenance_headers,
)
from analysis.api.parameters import read_choice, read_parameters, read_range
from analysis.api.view_base import ReadView
from analysis.exports.fhir import (
    CONTENT_TYPE,
    VERSIONS,
    CodedColumn,
    CodedColumns,
    CodedSeries,
    make_column_observations,
    make_observations,
    split_days,
)
from analysis.exports.open_mhealth import encode_heart_rates
from analysis.exports.provenance import names_of
from analysis.queries.samples import read_samples
from analysis.queries.series import Series
from analysis.queries.side_by_side import ColumnSet, read_parts, read_side_by_side
from ingest.measurement_types import HEART_RATE, Kind, find_kind, find_kinds
from ingest.time_range import TimeRange, format_instant

DAY_MS = 86_400_000
NDJSON_TYPE = "application/fhir+ndjson"
_DATA_POINTS = {"type": "array", "items": {"type": "object", "additionalProperties": {}}}


class FhirView(ReadView):
    """A day of samples as a FHIR Bundle of Observations."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_fhir",
        summary="Samples as FHIR Observations, a day a page",
        parameters=[
            *doc.SERIES_RANGE,
            OpenApiParameter("version", enum=list(VERSIONS), default="r4b"),
            OpenApiParameter(
                "format",
                enum=["json", "ndjson"],
                default="json",
                description="`ndjson`: the whole range, an Observation a line (Bulk Data).",
            ),
        ],
        responses={
            (200, CONTENT_TYPE): OpenApiResponse(OpenApiTypes.OBJECT, "A Bundle."),
            (200, NDJSON_TYPE): OpenApiResponse(OpenApiTypes.STR, "Observations."),
            **doc.error_responses(400, 404, 409, 429),
        },
    )
    def get(self, request: Request, identity: str, name: str) -> StreamingHttpResponse:
        """Return the first UTC day with samples; the Bundle's link ``next`` continues after it."""
        parameters = read_parameters(request, ("from", "to", "version", "format"))
        is_whole = read_choice(parameters, "format", ("json", "ndjson"), "json") == "ndjson"
        wanted = read_range(parameters)
        version = read_choice(parameters, "version", VERSIONS, "r4b")
        found = find_samples_or_404(request, identity, name)
        day, next_ms = (wanted, None) if is_whole else _find_first_day(found, wanted)
        observations = _make_observations(found, day, version)
        if is_whole:
            lines = (json.dumps(each).encode() + b"\n" for each in observations)
            headers = _make_headers(request, found, wanted, f"_fhir-{version}.ndjson")
            return StreamingHttpResponse(lines, content_type=NDJSON_TYPE, headers=headers)
        bundle = _make_bundle(request, {**parameters, "version": version}, next_ms)
        return StreamingHttpResponse(
            _encode_bundle(bundle, observations),
            content_type=CONTENT_TYPE,
            headers=_make_headers(request, found, day, f"_fhir-{version}.json"),
        )


class OpenMhealthView(ReadView):
    """Heart rates as Open mHealth data points."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_open_mhealth",
        summary="Heart rates as Open mHealth data points",
        parameters=doc.SERIES_RANGE,
        responses={
            (200, "application/json"): OpenApiResponse(_DATA_POINTS, "An array."),
            **doc.error_responses(400, 404, 409, 429),
        },
    )
    def get(self, request: Request, identity: str, name: str) -> StreamingHttpResponse:
        """Stream a JSON array with a data point ``omh:heart-rate:2.0`` for each sample."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        series = find_or_404(request, identity, name)
        if find_kind(series.name).loinc != HEART_RATE:
            raise MeasurementWithoutCode(
                f"Only heart rates have this format, and no measurement type declares "
                f"{series.name!a} as one (LOINC {HEART_RATE})."
            )
        chunks = encode_heart_rates(read_samples(series, wanted), series.identity, series.name)
        headers = _make_headers(request, series, wanted, "_open-mhealth.json")
        return StreamingHttpResponse(chunks, content_type="application/json", headers=headers)


def _make_observations(
    found: Series | ColumnSet, wanted: TimeRange, version: str
) -> Iterator[dict[str, Any]]:
    """Return the Observations of a range, none of which is of two days."""
    kinds = find_kinds(names_of(found))
    if isinstance(found, Series):
        coded = _require_code(found, kinds[found.name])
        return make_observations(split_days(read_samples(found, wanted)), coded, version)
    columns = _require_codes(found, kinds)
    tables = split_days(read_side_by_side(found, wanted))
    return make_column_observations(tables, columns, version)


def _make_headers(
    request: Request, series: Series | ColumnSet, wanted: TimeRange, suffix: str
) -> dict[str, str]:
    provenance = make_provenance(request, series, wanted)
    return make_download_headers(make_file_name(series, wanted, suffix)) | make_provenance_headers(
        request, series, wanted, provenance
    )


def _require_code(series: Series, kind: Kind) -> CodedSeries:
    if not kind.loinc or not kind.unit:
        raise MeasurementWithoutCode(
            f"FHIR requires a code: create a measurement type with a LOINC code and a unit for "
            f"{series.name!a} in the admin."
        )
    return CodedSeries(series.identity, series.name, kind.loinc, kind.label, kind.unit)


def _require_codes(found: ColumnSet, kinds: dict[str, Kind]) -> CodedColumns:
    """Return the codes of a measurement's columns; raise ``MeasurementWithoutCode``.

    Either each column has a code and a unit of its own, or all are one measurement of one unit.
    """
    kind = kinds[found.name]
    each = [kinds[series.name] for series in found.series]
    has_codes = all(column.loinc and column.loinc != kind.loinc for column in each)
    units = {column.unit for column in each}
    if not kind.loinc or "" in units or (len(units) > 1 and not has_codes):
        raise MeasurementWithoutCode(
            f"FHIR requires codes: create a measurement type with a LOINC code, columns, and one "
            f"unit or a LOINC code and a unit for each column for {found.name!a} in the admin."
        )
    columns = (
        CodedColumn(name, column.loinc if has_codes else "", column.label, column.unit)
        for name, column in zip(found.columns, each, strict=True)
    )
    return CodedColumns(found.identity, found.name, kind.loinc, kind.label, tuple(columns))


def _find_first_day(series: Series | ColumnSet, wanted: TimeRange) -> tuple[TimeRange, int | None]:
    """Return the part of ``wanted`` in its first UTC day with samples, and the next day's start.

    The start is None if no samples can follow.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    first = next(read_parts(series, TimeRange(start, end))[0], None)
    if first is None:
        return TimeRange(start, start), None
    day = int(first.time_ms[0]) // DAY_MS * DAY_MS
    next_day = day + DAY_MS
    has_next = next_day < end and next_day <= series.last_ms
    return TimeRange(max(start, day), min(end, next_day)), next_day if has_next else None


def _make_bundle(
    request: Request, parameters: dict[str, str], next_ms: int | None
) -> dict[str, Any]:
    url = request.build_absolute_uri(request.path)
    links = [{"relation": "self", "url": f"{url}?{urlencode(parameters)}"}]
    if next_ms is not None:
        query = urlencode({**parameters, "from": format_instant(next_ms)})
        links.append({"relation": "next", "url": f"{url}?{query}"})
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
    if first is None:  # FHIR does not allow an empty array
        yield json.dumps(bundle).encode()
        return
    yield json.dumps(bundle)[:-1].encode() + b', "entry": ['
    separator = "\n"
    for observation in chain([first], observations):
        entry = {"fullUrl": f"urn:uuid:{observation['id']}", "resource": observation}
        yield (separator + json.dumps(entry)).encode()
        separator = ",\n"
    yield b"\n]}\n"
