"""Views that tell about a range without handing its samples out."""

from __future__ import annotations

from dataclasses import asdict

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import openapi as doc
from analysis.api.export_metadata import described, find_or_404
from analysis.api.parameters import read_parameters, read_range
from analysis.api.view_base import ReadView
from analysis.exports.fhir import Coded
from analysis.exports.size_estimates import estimate_clinical, estimate_sizes
from analysis.queries.coverage_days import count_days
from analysis.queries.original_files import size_of_originals
from analysis.queries.plausible_range import count_implausible
from analysis.queries.sample_columns import SampleColumns
from analysis.queries.series import Series
from analysis.queries.summary import Summary, summarise_series
from ingest.measurement_types import Kind, find_kind
from ingest.time_range import TimeRange

DAY_MS = 86_400_000


class SummaryView(ReadView):
    """A range in a few numbers, and how large an export of it will be."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_summary",
        summary="Summary of a series",
        parameters=[doc.IDENTITY, doc.NAME, doc.FROM, doc.TO],
        responses={200: doc.SummaryBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return count, coverage, percentiles and the longest gap, quickly at any length."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        series = find_or_404(identity, name)
        kind = find_kind(series.name)
        found, opened = summarise_series(series, wanted, kind.expected_interval_ms)
        outside = count_implausible(series, wanted, kind)
        return Response(
            {
                **_describe(found),
                "implausible": None if outside is None else asdict(outside),
                "bytes": _sizes(series, kind, wanted, found, opened),
            }
        )


class DictionaryView(ReadView):
    """What an export of a range is: provenance and data dictionary, without the samples."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_dictionary",
        summary="Data dictionary of an export",
        parameters=[doc.IDENTITY, doc.NAME, doc.FROM, doc.TO],
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "Provenance and meaning of the columns."),
            **doc.error_responses(400, 404),
        },
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return what the JSON, Parquet and zip exports of the same range hold too."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        return Response(described(request, find_or_404(identity, name), wanted)[0])


def _sizes(
    series: Series, kind: Kind, wanted: TimeRange, found: Summary, opened: SampleColumns
) -> dict[str, int]:
    sizes = estimate_sizes(opened, found.count)
    originals = size_of_originals(series, wanted)
    if originals is not None:
        sizes["originals"] = originals
    if kind.loinc and kind.unit and found.first_ms is not None:
        day = found.first_ms // DAY_MS
        first_day = min(found.count, count_days(series, day, 1).get(day, 0))
        coded = Coded(series.identity, series.name, kind.loinc, kind.label, kind.unit)
        sizes |= estimate_clinical(opened, found.count, first_day, coded)
    return sizes


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
