"""Views that stream zip archives: series with their data dictionaries, and stored files."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.core.exceptions import PermissionDenied
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from analysis.api import openapi as doc
from analysis.api.errors import BadParameter, UnknownIdentity
from analysis.api.export_metadata import (
    find_samples_or_404,
    make_download_headers,
    make_provenance,
)
from analysis.api.export_metadata import make_file_name as make_series_name
from analysis.api.parameters import read_choice, read_parameters, read_range, read_scope
from analysis.api.view_base import ReadView
from analysis.exports.formats import FORMATS
from analysis.exports.identity_zip import IdentityZip
from analysis.exports.streaming import Member, stream_zip
from analysis.exports.study_content import (
    CONTENTS,
    MAX_NAMES,
    SAMPLE_FORMATS,
    Choice,
    make_folder_name,
)
from analysis.queries.measurement_files import (
    list_files,
    make_receipt,
)
from analysis.queries.series import Series
from analysis.queries.side_by_side import ColumnSet, read_parts
from identities.audit.recorder import note_exported
from ingest.storage.stored_files import FileDamaged, make_file_name, read_verified
from ingest.time_range import TimeRange

MAX_SERIES = 50
CONTENT_TYPE = "application/zip"


class ArchiveView(ReadView):
    """Several series in one zip, each with its data dictionary."""

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
                description=f"IDENTITY/NAME; up to {MAX_SERIES} times. Without a series of "
                "exactly this name, the columns NAME.COLUMN side by side.",
            ),
            doc.STUDY,
            doc.FROM,
            doc.TO,
            OpenApiParameter("format", enum=list(FORMATS), default="csv"),
        ],
        responses={
            (200, CONTENT_TYPE): OpenApiResponse(OpenApiTypes.BINARY, "A zip."),
            **doc.error_responses(400, 404, 429),
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream a zip with a data file and a data dictionary for each series."""
        parameters = read_parameters(
            request, ("series", "study", "from", "to", "format"), repeated="series"
        )
        wanted = read_range(parameters)
        format_name = read_choice(parameters, "format", FORMATS, "csv")
        pairs = _parse_series(request.query_params.getlist("series"))
        scope = read_scope(request, parameters)
        series_list = [
            find_samples_or_404(request, identity, name, scope=scope) for identity, name in pairs
        ]
        members = (
            member
            for series in series_list
            for member in _make_series_members(request, series, wanted, format_name)
        )
        first, *others = series_list
        suffix = f"_and_{len(others)}_more.zip" if others else ".zip"
        return _respond(members, make_series_name(first, wanted, suffix))


class OriginalsView(ReadView):
    """The stored files of a time range of a series, byte for byte."""

    permission = "ingest.view_measurement"

    @extend_schema(
        operation_id="read_originals",
        summary="Original files of a range as a zip",
        parameters=doc.SERIES_RANGE,
        responses={
            (200, CONTENT_TYPE): OpenApiResponse(OpenApiTypes.BINARY, "A zip."),
            **doc.error_responses(400, 404, 429),
        },
    )
    def get(self, request: Request, identity: str, name: str) -> StreamingHttpResponse:
        """Stream a zip of the files with samples in the range, and their receipts."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        found = find_samples_or_404(request, identity, name)
        file_name = make_series_name(found, wanted, "_files.zip")
        return _respond(_make_file_members(found, wanted), file_name)


class IdentityArchiveView(ReadView):
    """All data of an identity in one zip, as ``export_study`` writes them."""

    permission = "ingest.view_measurement"

    @extend_schema(
        operation_id="read_identity_archive",
        summary="All data of an identity as a zip",
        parameters=[
            doc.IDENTITY,
            doc.STUDY,
            OpenApiParameter("content", enum=list(CONTENTS), default="both"),
            OpenApiParameter("format", enum=list(SAMPLE_FORMATS), default="parquet"),
            OpenApiParameter(
                "name",
                str,
                many=True,
                description=f"Only this measurement; up to {MAX_NAMES} times.",
            ),
            doc.FROM,
            doc.TO,
        ],
        responses={
            (200, CONTENT_TYPE): OpenApiResponse(
                OpenApiTypes.BINARY,
                "A zip; `X-Estimated-Bytes` where samples make `Content-Length` unknown.",
            ),
            **doc.error_responses(400, 404, 429),
        },
    )
    def get(self, request: Request, identity: str) -> StreamingHttpResponse:
        """Stream samples, originals, receipts, annotations, and ``identity.json`` with SHA-256s."""
        parameters = read_parameters(
            request, ("study", "content", "format", "name", "from", "to"), repeated="name"
        )
        choice = read_export_choice(request, parameters)
        scope = read_scope(request, parameters)
        found = scope.identities().filter(name__iexact=identity.replace("\0", "")).first()
        if found is None:
            raise UnknownIdentity(f"There is no identity {identity[:100]!a}.")
        if choice.with_samples and not request.user.has_perm("ingest.view_sampleblock"):
            raise PermissionDenied
        note_exported(request._request, found.pk)
        archive = IdentityZip(found, choice, scope)
        headers = make_download_headers(f"{make_folder_name(found.name)}.zip")
        headers["Content-Length" if archive.is_exact else "X-Estimated-Bytes"] = str(archive.size)
        return StreamingHttpResponse(archive, content_type=CONTENT_TYPE, headers=headers)


def read_export_choice(request: Request, parameters: dict[str, str]) -> Choice:
    """Return what to export of an identity."""
    names = request.query_params.getlist("name")
    if len(names) > MAX_NAMES:
        raise BadParameter("name", f"expected at most {MAX_NAMES}.")
    content = read_choice(parameters, "content", CONTENTS, "both")
    return Choice(
        format=read_choice(parameters, "format", SAMPLE_FORMATS, "parquet"),
        names=tuple(sorted({*names})),
        wanted=read_range(parameters),
        with_samples=content != "originals",
        with_originals=content != "samples",
        with_annotations=request.user.has_perm("analysis.view_annotation"),
        source=request.build_absolute_uri("/"),
    )


def _parse_series(texts: list[str]) -> list[tuple[str, str]]:
    if not 1 <= len(texts) <= MAX_SERIES:
        raise BadParameter("series", f"expected 1 to {MAX_SERIES} values IDENTITY/NAME.")
    pairs = [text.split("/") for text in dict.fromkeys(texts)]
    if any(len(pair) != 2 for pair in pairs):
        raise BadParameter("series", "expected IDENTITY/NAME.")
    return [(pair[0], pair[1]) for pair in pairs]


def _make_series_members(
    request: Request, series: Series | ColumnSet, wanted: TimeRange, format_name: str
) -> Iterator[Member]:
    provenance = make_provenance(request, series, wanted)
    export_format = FORMATS[format_name]
    stem = f"{series.identity}_{series.name}"
    parts, columns = read_parts(series, wanted)
    chunks = export_format.encode(parts, provenance, columns)
    now = timezone.now()
    yield Member(
        f"{stem}.{export_format.extension}", now, chunks, is_compressed=format_name == "parquet"
    )
    dictionary = json.dumps(provenance, indent=2).encode()
    name = f"{stem}.json" if format_name != "json" else f"{stem}.dictionary.json"
    yield Member(name, now, [dictionary])


def _make_file_members(found: Series | ColumnSet, wanted: TimeRange) -> Iterator[Member]:
    receipts = []
    started_at = timezone.now()
    for measurement in list_files(found, wanted):
        file_name = make_file_name(measurement)
        receipt: dict[str, object] = {"file": file_name, **make_receipt(measurement)}
        receipts.append(receipt)
        try:
            chunks = read_verified(measurement)
        except FileDamaged as error:
            receipt |= {"file": None, "code": "file_damaged", "fault": str(error)}
        else:
            yield Member(file_name, measurement.received_at, chunks)
    yield Member("receipts.json", started_at, [json.dumps(receipts, indent=2).encode()])


def _respond(members: Iterator[Member], file_name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        stream_zip(members), content_type=CONTENT_TYPE, headers=make_download_headers(file_name)
    )
