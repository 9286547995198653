"""Views that tell about a range without handing its samples out."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ingest.exporting.sizes import estimate_sizes
from ingest.read_api import documentation as doc
from ingest.read_api.base import ReadView
from ingest.read_api.exported import described, find_or_404
from ingest.read_api.parameters import read_parameters, read_range
from ingest.reading.kinds import find_kind
from ingest.reading.summary import Summary, summarise_series


class SummaryView(ReadView):
    """A range in a few numbers, and how large an export of it will be."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_summary",
        summary="Summary of a series",
        parameters=[doc.IDENTITY, doc.NAME, doc.FROM, doc.TO],
        responses={200: doc.SummaryBody, **doc.errors(400, 404)},
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return count, coverage, percentiles and the longest gap, quickly at any length."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        series = find_or_404(identity, name)
        expected = find_kind(series.name).expected_interval_ms
        found, opened = summarise_series(series, wanted, expected)
        return Response({**_describe(found), "bytes": estimate_sizes(opened, found.count)})


class DictionaryView(ReadView):
    """What an export of a range is: provenance and data dictionary, without the samples."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_dictionary",
        summary="Data dictionary of an export",
        parameters=[doc.IDENTITY, doc.NAME, doc.FROM, doc.TO],
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "Provenance and meaning of the columns."),
            **doc.errors(400, 404),
        },
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return what the JSON, Parquet and zip exports of the same range hold too."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        return Response(described(request, find_or_404(identity, name), wanted)[0])


def _describe(found: Summary) -> dict[str, object]:
    gap = found.gap
    return {
        "from_ms": found.from_ms,
        "to_ms": found.to_ms,
        "count": found.count,
        "is_exact": found.is_exact,
        "opened": found.opened,
        "first_ms": found.first_ms,
        "last_ms": found.last_ms,
        "min": found.minimum,
        "p5": found.p5,
        "median": found.median,
        "mean": found.mean,
        "p95": found.p95,
        "max": found.maximum,
        "interval_ms": found.interval_ms,
        "coverage": found.coverage,
        "gap_threshold_ms": found.gap_threshold_ms,
        "longest_gap": gap
        and {"from_ms": gap.from_ms, "to_ms": gap.to_ms, "length_ms": gap.length_ms},
    }
