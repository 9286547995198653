"""The view of annotations: a list in JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import list_schemas
from analysis.api import openapi as doc
from analysis.api.parameters import (
    make_cursor,
    make_next_url,
    read_choice,
    read_cursor,
    read_number,
    read_parameters,
    read_range,
    read_scope,
)
from analysis.api.view_base import ReadView
from analysis.queries.annotations import (
    AnnotationSearch,
    describe,
    find_annotations,
    make_csv_rows,
)

_NUMBER = r"[0-9]{1,18}"


class AnnotationBody(serializers.Serializer[Any]):
    """A note to a time, or a range of time, of an identity or of one series."""

    id = serializers.IntegerField()
    identity = serializers.CharField()
    name = serializers.CharField(
        allow_blank=True, help_text="The series; empty: the identity as a whole."
    )
    from_ms = serializers.IntegerField(help_text="Epoch milliseconds.")
    to_ms = serializers.IntegerField(allow_null=True, help_text="Null: a single moment.")
    text = serializers.CharField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(help_text="User name of the author.")

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; two of them have the name of a keyword, or of a part of one."""
        fields = super().get_fields()
        fields["from"] = serializers.DateTimeField(help_text="The same as `from_ms`, ISO 8601.")
        fields["to"] = serializers.DateTimeField(allow_null=True)
        return fields


class AnnotationPageBody(serializers.Serializer[Any]):
    """A page of annotations, in the order in which they were written."""

    results = AnnotationBody(many=True)
    next = serializers.URLField(allow_null=True, help_text="URL of the next page.")


class AnnotationListView(ReadView):
    """The list of annotations."""

    permission = "analysis.view_annotation"

    @extend_schema(
        operation_id="list_annotations",
        summary="List annotations",
        parameters=[
            doc.STUDY,
            OpenApiParameter("identity", str, description="Only of this identity; ignores case."),
            OpenApiParameter(
                "name", str, description="Only of this series, and of the identity as a whole."
            ),
            OpenApiParameter("q", str, description="Part of the text; ignores case."),
            OpenApiParameter("from", doc.INSTANT_SHAPE, description="That end at or after it."),
            OpenApiParameter("to", doc.INSTANT_SHAPE, description="That begin before it."),
            OpenApiParameter("format", enum=["json", "csv"], default="json"),
            list_schemas.LIMIT,
            list_schemas.CURSOR,
        ],
        responses={
            (200, "application/json"): OpenApiResponse(AnnotationPageBody, "A page."),
            (200, "text/csv"): OpenApiResponse(
                OpenApiTypes.STR,
                "The same page; the header `Link` has the next one. Cells that a spreadsheet would "
                "read as formulas begin with an apostrophe.",
            ),
            **doc.error_responses(400, 404),
        },
    )
    def get(self, request: Request) -> Response | HttpResponse:
        """Return a page of annotations; ``next`` is the URL of the next page, or null."""
        known = ("study", "identity", "name", "q", "from", "to", "format", "limit", "after")
        parameters = read_parameters(request, known)
        form = read_choice(parameters, "format", ("json", "csv"), "json")
        search = AnnotationSearch(
            identity=parameters.get("identity"),
            name=parameters.get("name"),
            text=parameters.get("q", ""),
            range=read_range(parameters),
        )
        limit = read_number(parameters, "limit", 100, list_schemas.MAX_ROWS)
        after = read_cursor(parameters, "annotation", _NUMBER)
        scope = read_scope(request, parameters)
        rows = find_annotations(scope, search, None if after is None else int(after), limit + 1)
        has_next = len(rows) > limit
        cursor = make_cursor("annotation", str(rows[limit - 1].pk)) if has_next else None
        next_url = make_next_url(request, parameters, cursor)
        if form == "csv":
            return _as_csv(make_csv_rows(rows[:limit]), next_url)
        return Response({"results": [describe(row) for row in rows[:limit]], "next": next_url})


def _as_csv(rows: Iterator[list[str]], next_url: str | None) -> HttpResponse:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="annotations.csv"'
    if next_url is not None:
        answer["Link"] = f'<{next_url}>; rel="next"'
    return answer
