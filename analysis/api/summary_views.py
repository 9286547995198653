"""Views of a time range without its samples: summary statistics and data dictionary."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import openapi as doc
from analysis.api.export_metadata import find_or_404, find_samples_or_404, make_provenance
from analysis.api.parameters import read_choice, read_columns, read_parameters, read_range
from analysis.api.summary_schemas import SummaryBody
from analysis.api.view_base import ReadView
from analysis.exports.fhir import CodedSeries
from analysis.exports.size_estimates import estimate_clinical_bytes, estimate_export_bytes
from analysis.queries.measurement_files import estimate_files_bytes
from analysis.queries.plausible_range import count_implausible
from analysis.queries.samples import count_samples_by_day
from analysis.queries.series import Series
from analysis.queries.statistics import SampleColumns
from analysis.queries.summary import Summary, summarise_series
from ingest.measurement_types import Kind, find_kind
from ingest.time_range import TimeRange

DAY_MS = 86_400_000


class SummaryView(ReadView):
    """Summary statistics of a time range and the estimated size of its exports."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_summary",
        summary="Summary of a series",
        parameters=doc.SERIES_RANGE,
        responses={200: SummaryBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request, identity: str, name: str) -> Response:
        """Return count, coverage, percentiles and longest gap, in bounded time at any length."""
        wanted = read_range(read_parameters(request, ("from", "to")))
        series = find_or_404(request, identity, name)
        kind = find_kind(series.name)
        summary, samples = summarise_series(series, wanted, kind.expected_interval_ms)
        found = vars(summary) | {
            "implausible": count_implausible(series, wanted, kind),
            "bytes": _estimate_bytes(series, kind, wanted, summary, samples),
        }
        return Response(SummaryBody(found).data)


class DictionaryView(ReadView):
    """Provenance and data dictionary of an export, without the samples."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="read_dictionary",
        summary="Data dictionary of an export",
        parameters=[
            *doc.SERIES_RANGE,
            doc.COLUMNS,
            OpenApiParameter("format", enum=["json", "html"], default="json"),
        ],
        responses={
            (200, "application/json"): OpenApiResponse(
                OpenApiTypes.OBJECT, "Provenance and meaning of the columns."
            ),
            (200, "text/html"): OpenApiResponse(OpenApiTypes.STR, "The same as a page."),
            **doc.error_responses(400, 404),
        },
    )
    def get(self, request: Request, identity: str, name: str) -> HttpResponseBase:
        """Return the document that JSON, Parquet and zip exports of the same range contain."""
        parameters = read_parameters(request, ("from", "to", "columns", "format"))
        is_page = read_choice(parameters, "format", ("json", "html"), "json") == "html"
        wanted = read_range(parameters)
        is_side_by_side, names = read_columns(parameters)
        found = find_samples_or_404(request, identity, name, names, is_side_by_side=is_side_by_side)
        provenance = make_provenance(request, found, wanted)
        if is_page:
            return render(request._request, "analysis/dictionary.html", provenance)
        return Response(provenance)


def _estimate_bytes(
    series: Series, kind: Kind, wanted: TimeRange, summary: Summary, samples: SampleColumns
) -> dict[str, int]:
    sizes = estimate_export_bytes(samples, summary.count)
    files_bytes = estimate_files_bytes(series, wanted)
    if files_bytes is not None:
        sizes["originals"] = files_bytes
    if kind.loinc and kind.unit and summary.first_ms is not None:
        day = summary.first_ms // DAY_MS
        first_day = min(summary.count, count_samples_by_day(series, day, 1).get(day, 0))
        coded = CodedSeries(series.identity, series.name, kind.loinc, kind.label, kind.unit)
        sizes |= estimate_clinical_bytes(samples, summary.count, first_day, coded)
    return sizes
