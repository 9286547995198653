"""Views that hand out zips, made while they are sent: series with their dictionary, originals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from analysis.api import openapi as doc
from analysis.api.errors import BadParameter
from analysis.api.export_metadata import described, find_or_404
from analysis.api.parameters import read_choice, read_parameters, read_range
from analysis.api.view_base import ReadView
from analysis.exports.formats import FORMATS
from analysis.exports.zip_stream import Member, stream_zip
from analysis.queries.original_files import (
    list_originals,
    make_file_name,
    tell_receipt,
)
from analysis.queries.samples import read_samples
from analysis.queries.series import Series
from ingest.storage.stored_files import read_chunks
from ingest.time_range import TimeRange

MAX_SERIES = 50
CONTENT_TYPE = "application/zip"


class ArchiveView(ReadView):
    """Several series in one zip, each with its data dictionary beside it."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_archive",
        summary="Series as a zip",
        parameters=[
            OpenApiParameter(
                "series",
                str,
                required=True,
                many=True,
                description=f"IDENTITY/NAME; up to {MAX_SERIES} times.",
            ),
            doc.FROM,
            doc.TO,
            OpenApiParameter("format", enum=list(FORMATS), default="csv"),
        ],
        responses={
            (200, CONTENT_TYPE): OpenApiResponse(OpenApiTypes.BINARY, "A zip."),
            **doc.error_responses(400, 404),
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream a zip with a file and a ``.json`` that explains it for each series."""
        given = read_parameters(request, ("series", "from", "to", "format"), repeated="series")
        wanted = read_range(given)
        chosen = read_choice(given, "format", FORMATS, "csv")
        found = [find_or_404(*each) for each in _asked(request.query_params.getlist("series"))]
        members = (
            member for series in found for member in _members(request, series, wanted, chosen)
        )
        return _respond(members, "series.zip")


class OriginalsView(ReadView):
    """The files that devices sent for a range of a series, byte for byte."""

    permission = "ingest.view_measurement"

    @extend_schema(
        operation_id="read_originals",
        summary="Original files of a range as a zip",
        parameters=[doc.IDENTITY, doc.NAME, doc.FROM, doc.TO],
        responses={
            (200, CONTENT_TYPE): OpenApiResponse(OpenApiTypes.BINARY, "A zip."),
            **doc.error_responses(400, 404),
        },
    )
    def get(self, request: Request, identity: str, name: str) -> StreamingHttpResponse:
        """Stream a zip of the files that reach into the range, with all their receipts."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        series = find_or_404(identity, name)
        return _respond(_originals(series, wanted), f"{series.identity}_{series.name}_files.zip")


def _asked(texts: list[str]) -> list[tuple[str, str]]:
    if not 1 <= len(texts) <= MAX_SERIES:
        raise BadParameter("series", f"expected 1 to {MAX_SERIES} of IDENTITY/NAME.")
    pairs = [text.split("/") for text in dict.fromkeys(texts)]
    if any(len(pair) != 2 for pair in pairs):
        raise BadParameter("series", "expected IDENTITY/NAME.")
    return [(pair[0], pair[1]) for pair in pairs]


def _members(request: Request, series: Series, wanted: TimeRange, chosen: str) -> Iterator[Member]:
    provenance, _ = described(request, series, wanted)
    stem = f"{series.identity}_{series.name}"
    pieces = FORMATS[chosen].encode(read_samples(series, wanted), provenance)
    now = timezone.now()
    yield Member(f"{stem}.{chosen}", now, pieces, is_compressed=chosen == "parquet")
    explained = json.dumps(provenance, indent=2).encode()
    name = f"{stem}.json" if chosen != "json" else f"{stem}.dictionary.json"
    yield Member(name, now, [explained])


def _originals(series: Series, wanted: TimeRange) -> Iterator[Member]:
    receipts = []
    made_at: datetime = timezone.now()
    for measurement in list_originals(series, wanted):
        file_name = make_file_name(measurement)
        receipts.append({"file": file_name, **tell_receipt(measurement)})
        yield Member(file_name, measurement.received_at, read_chunks(measurement))
    yield Member("receipts.json", made_at, [json.dumps(receipts, indent=2).encode()])


def _respond(members: Iterator[Member], file_name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        stream_zip(members),
        content_type=CONTENT_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{file_name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )
