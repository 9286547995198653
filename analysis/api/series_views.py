"""Views of series: the list, their samples and the buckets that charts are drawn from."""

from __future__ import annotations

from itertools import chain, islice
from urllib.parse import urlencode

from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import openapi as doc
from analysis.api.export_metadata import described, find_or_404
from analysis.api.parameters import (
    read_after,
    read_choice,
    read_number,
    read_parameters,
    read_range,
)
from analysis.api.view_base import ReadView
from analysis.exports.formats import FORMATS
from analysis.queries.samples import read_buckets, read_samples
from analysis.queries.series import Page, Series, list_series
from ingest.measurement_types import find_kind
from ingest.time_range import TimeRange

MAX_BUCKETS = 10_000
MAX_SERIES = 1_000
MAX_POINTS = 5_000


class SeriesListView(ReadView):
    """Which series there are."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="list_series",
        summary="List series",
        parameters=[
            OpenApiParameter("identity", str, description="Only this one's; any case."),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_SERIES, "default": 100},
                description="Series on a page.",
            ),
            doc.AFTER,
        ],
        responses={200: doc.SeriesPageBody, **doc.error_responses(400)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of series; ``next`` is the address of the page that follows, or null."""
        given = read_parameters(request, ("identity", "limit", "after"))
        page = list_series(
            identity=given.get("identity"),
            after=read_after(given),
            limit=read_number(given, "limit", 100, MAX_SERIES),
        )
        results = [_describe(series) for series in page.series]
        return Response({"results": results, "next": _next_address(request, given, page)})


class SamplesView(ReadView):
    """All samples of a range, streamed."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_samples",
        summary="Samples of a series",
        parameters=[
            doc.IDENTITY,
            doc.NAME,
            doc.FROM,
            doc.TO,
            OpenApiParameter("format", enum=list(FORMATS), default="csv"),
        ],
        responses={**doc.SAMPLES_ANSWERS, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request, identity: str, name: str) -> StreamingHttpResponse:
        """Stream the samples, ascending; CSV unless ``format`` says otherwise."""
        given = read_parameters(request, ("from", "to", "format"))
        wanted = read_range(given)
        chosen = FORMATS[read_choice(given, "format", FORMATS, "csv")]
        series = find_or_404(identity, name)
        provenance, headers = described(request, series, wanted)
        parts = read_samples(series, wanted)
        # The first part is read before the status is sent, so that trouble can still be told.
        first = list(islice(parts, 1))
        file_name = f"{series.identity}_{series.name}.{chosen.name}"
        return StreamingHttpResponse(
            chosen.encode(chain(first, parts), provenance),
            content_type=chosen.content_type,
            headers={
                "Content-Disposition": f'attachment; filename="{file_name}"',
                "X-Content-Type-Options": "nosniff",
                **headers,
            },
        )


class BucketsView(ReadView):
    """A range summed up in buckets of equal width."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_buckets",
        summary="Buckets of a series, for charts",
        parameters=[
            doc.IDENTITY,
            doc.NAME,
            doc.FROM,
            doc.TO,
            OpenApiParameter(
                "width",
                {"type": "integer", "minimum": 1, "maximum": MAX_BUCKETS, "default": 1000},
                description="Greatest number of buckets. Their width is the smallest of 1, 2, 5, "
                "10, 15, 30 s; 1, 2, 5, 10, 15, 30 min; 1, 2, 3, 6, 12 h; 1, 2, 7, 14, 28 d, "
                "then doubling, that covers the range with so many.",
            ),
            OpenApiParameter(
                "points",
                {"type": "integer", "minimum": 1, "maximum": MAX_POINTS},
                description="Where the range holds at most so many samples, `samples` has them "
                "beside the buckets, as pairs of time and value.",
            ),
        ],
        responses={200: doc.BucketsBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return the buckets that hold a sample, ascending, aligned to UTC.

        Only samples of the range are counted, in the first and the last bucket too.
        """
        given = read_parameters(request, ("from", "to", "width", "points"))
        wanted = read_range(given)
        most = read_number(given, "width", 1000, MAX_BUCKETS)
        points = read_number(given, "points", 1, MAX_POINTS) if "points" in given else 0
        series = find_or_404(identity, name)
        width_ms, buckets = read_buckets(series, wanted, most)
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


class SeriesView(ReadView):
    """One series: how far it reaches, and what its values are."""

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
        series = find_or_404(identity, name)
        return Response({**_describe(series), "measurement": find_kind(series.name).describe()})


def _read_points(series: Series, wanted: TimeRange) -> list[tuple[int, float]]:
    return [
        pair
        for part in read_samples(series, wanted)
        for pair in zip(part.time_ms.tolist(), part.value.tolist(), strict=True)
    ]


def _describe(series: Series) -> dict[str, object]:
    return {
        "identity": series.identity,
        "name": series.name,
        "count": series.count,
        "first_ms": series.first_ms,
        "last_ms": series.last_ms,
    }


def _next_address(request: Request, given: dict[str, str], page: Page) -> str | None:
    if page.after is None:
        return None
    query = urlencode({**given, "after": "/".join(page.after)}, safe="/@")
    return request.build_absolute_uri(f"{request.path}?{query}")
