"""Views of series: the list, one series, its samples, and buckets for charts."""

from __future__ import annotations

from itertools import chain, islice

from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import list_schemas
from analysis.api import openapi as doc
from analysis.api.export_metadata import (
    find_or_404,
    find_samples_or_404,
    make_download_headers,
    make_file_name,
    make_provenance,
    make_provenance_headers,
)
from analysis.api.parameters import (
    make_next_url,
    read_after,
    read_choice,
    read_columns,
    read_number,
    read_parameters,
    read_range,
    read_scope,
)
from analysis.api.summary_schemas import NotKeptBody
from analysis.api.view_base import ReadView
from analysis.exports.formats import FORMATS, Part
from analysis.queries.read_buckets import read_buckets
from analysis.queries.samples import read_samples
from analysis.queries.series import Series, list_series
from analysis.queries.side_by_side import read_parts
from analysis.queries.values_not_kept import list_values_not_kept
from ingest.measurement_types import find_kind
from ingest.parsing.samples import US_PER_MS
from ingest.time_range import TimeRange

MAX_BUCKETS = 10_000
MAX_POINTS = 5_000


class SeriesListView(ReadView):
    """The list of series."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="list_series",
        summary="List series",
        parameters=[
            OpenApiParameter(
                "identity", str, description="Only series of this identity; ignores case."
            ),
            OpenApiParameter("name", str, description="Only series of this name."),
            list_schemas.LIMIT,
            doc.STUDY,
            doc.AFTER,
        ],
        responses={200: doc.SeriesPageBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of series; ``next`` is the URL of the next page, or null."""
        parameters = read_parameters(request, ("identity", "name", "study", "limit", "after"))
        page = list_series(
            read_scope(request, parameters),
            identity=parameters.get("identity"),
            name=parameters.get("name"),
            after=read_after(parameters),
            limit=read_number(parameters, "limit", 100, list_schemas.MAX_ROWS),
        )
        results = [_serialize_series(series) for series in page.series]
        after = None if page.after is None else "/".join(page.after)
        return Response({"results": results, "next": make_next_url(request, parameters, after)})


class SamplesView(ReadView):
    """All samples of a time range, streamed."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_samples",
        summary="Samples of a series",
        parameters=[
            *doc.SERIES_RANGE,
            doc.COLUMNS,
            OpenApiParameter("format", enum=list(FORMATS), default="csv"),
        ],
        responses={**doc.SAMPLES_RESPONSES, **doc.error_responses(400, 404, 429)},
    )
    def get(self, request: Request, identity: str, name: str) -> StreamingHttpResponse:
        """Stream the samples in ascending order; CSV is the default ``format``.

        Several columns of a measurement come side by side: see ``columns``.
        """
        parameters = read_parameters(request, ("from", "to", "format", "columns"))
        wanted = read_range(parameters)
        export_format = FORMATS[read_choice(parameters, "format", FORMATS, "csv")]
        is_side_by_side, names = read_columns(parameters)
        found = find_samples_or_404(request, identity, name, names, is_side_by_side=is_side_by_side)
        provenance = make_provenance(request, found, wanted)
        parts, columns = read_parts(found, wanted)
        # Read the first part before the status is sent, so that an error still gives a problem.
        first: list[Part] = list(islice(parts, 1))
        file_name = make_file_name(found, wanted, f".{export_format.extension}")
        return StreamingHttpResponse(
            export_format.encode(chain(first, parts), provenance, columns),
            content_type=export_format.content_type,
            headers={
                **make_download_headers(file_name),
                **make_provenance_headers(request, found, wanted, provenance),
            },
        )


class BucketsView(ReadView):
    """A time range aggregated into buckets of equal width."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_buckets",
        summary="Buckets of a series, for charts",
        parameters=[
            *doc.SERIES_RANGE,
            doc.whole_number(
                "width",
                MAX_BUCKETS,
                1000,
                description="Maximum number of buckets. Their width is the smallest of 1, 2, 5, "
                "10, 15, 30 s; 1, 2, 5, 10, 15, 30 min; 1, 2, 3, 6, 12 h; 1, 2, 7, 14, 28 d, "
                "then doubling, with which that number covers the range; where there are more than "
                "two samples a second, 1, 2, 5, 10, 20, 50, 100, 200, 500 ms too.",
            ),
            doc.whole_number(
                "points",
                MAX_POINTS,
                description="If the range holds at most this many samples, `samples` returns them "
                "in addition to the buckets, as pairs of time and value.",
            ),
        ],
        responses={200: doc.BucketsBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return the non-empty buckets in ascending order, aligned to UTC.

        The first and the last bucket count only samples inside the range.
        """
        parameters = read_parameters(request, ("from", "to", "width", "points"))
        wanted = read_range(parameters)
        max_buckets = read_number(parameters, "width", 1000, MAX_BUCKETS)
        points = read_number(parameters, "points", 1, MAX_POINTS) if "points" in parameters else 0
        series = find_or_404(request, identity, name)
        width_ms, buckets = read_buckets(series, wanted, max_buckets)
        columns = (buckets.time_ms, buckets.minimum, buckets.maximum, buckets.mean, buckets.count)
        keys = ("time_ms", "min", "max", "mean", "count")
        rows = zip(*(column.tolist() for column in columns), strict=True)
        body: dict[str, object] = {
            "width_ms": width_ms,
            "buckets": [dict(zip(keys, row, strict=True)) for row in rows],
        }
        if points and int(buckets.count.sum()) <= points:
            body["samples"] = _read_points(series, wanted)
        return Response(body)


class NotKeptView(ReadView):
    """The values of a time range that were rounded, or replaced by a later line of their file."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_values_not_kept",
        summary="Repeated and rounded values of a series",
        parameters=doc.SERIES_RANGE,
        responses={200: NotKeptBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return counts of the files with samples in the range, and the repeated times in it."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        found = list_values_not_kept(find_or_404(request, identity, name), wanted)
        times = [
            {"time_ms": us / US_PER_MS if us % US_PER_MS else us // US_PER_MS, "values": values}
            for us, values in found.times
        ]
        return Response(
            {
                "files": found.files,
                "repeated": found.repeated,
                "rounded": found.rounded,
                "is_complete": found.is_complete,
                "times": times,
            }
        )


class SeriesView(ReadView):
    """One series: its time range, label, unit and codes."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_series",
        summary="One series",
        parameters=[doc.IDENTITY, doc.NAME],
        responses={200: doc.SeriesDetailBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return the series with its label, unit and codes."""
        read_parameters(request, ())
        series = find_or_404(request, identity, name)
        return Response(
            {**_serialize_series(series), "measurement": find_kind(series.name).describe()}
        )


def _read_points(series: Series, wanted: TimeRange) -> list[tuple[float, float]]:
    return [
        pair
        for part in read_samples(series, wanted)
        for pair in zip(part.times_as_numbers(), part.value.tolist(), strict=True)
    ]


def _serialize_series(series: Series) -> dict[str, object]:
    members = ("identity", "name", "count", "first_ms", "last_ms")
    return {name: getattr(series, name) for name in members}
