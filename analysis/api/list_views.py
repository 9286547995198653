"""Views of lists: identities and measurement files, a page at a time."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
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
from analysis.queries.identities import IdentityRow, find_identities
from analysis.queries.measurement_files import FileSearch, find_files, make_receipt
from identities.models import IDENTITY_NAME
from ingest.models import Measurement

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_INSTANT = "ISO 8601 or integer epoch milliseconds. "


class IdentityListView(ReadView):
    """The list of identities."""

    permission = "identities.view_identity"

    @extend_schema(
        operation_id="list_identities",
        summary="List identities",
        parameters=[
            doc.STUDY,
            OpenApiParameter(
                "q", str, description="Part of the name or of the description; ignores case."
            ),
            list_schemas.LIMIT,
            list_schemas.CURSOR,
        ],
        responses={200: list_schemas.IdentityPageBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of identities; ``next`` is the URL of the next page, or null."""
        parameters = read_parameters(request, ("q", "study", "limit", "after"))
        rows, after = find_identities(
            read_scope(request, parameters),
            contains=parameters.get("q", ""),
            after=read_cursor(parameters, "identity", IDENTITY_NAME),
            limit=read_number(parameters, "limit", 100, list_schemas.MAX_ROWS),
        )
        cursor = None if after is None else make_cursor("identity", after)
        return Response(
            {
                "results": [_serialize(row) for row in rows],
                "next": make_next_url(request, parameters, cursor),
            }
        )


class MeasurementListView(ReadView):
    """The list of measurement files."""

    permission = "ingest.view_measurement"

    @extend_schema(
        operation_id="list_measurements",
        summary="List measurement files",
        parameters=[
            doc.STUDY,
            OpenApiParameter(
                "identity", str, description="Only files of this identity; ignores case."
            ),
            OpenApiParameter("name", str, description="Only files sent under this name."),
            OpenApiParameter("status", enum=Measurement.Status.values),
            OpenApiParameter(
                "from", doc.INSTANT_SHAPE, description=f"{_INSTANT}Files with later samples."
            ),
            OpenApiParameter(
                "to", doc.INSTANT_SHAPE, description=f"{_INSTANT}Files with earlier samples."
            ),
            OpenApiParameter(
                "received_from", doc.INSTANT_SHAPE, description=f"{_INSTANT}Received since then."
            ),
            OpenApiParameter(
                "received_to", doc.INSTANT_SHAPE, description=f"{_INSTANT}Received before then."
            ),
            list_schemas.LIMIT,
            list_schemas.CURSOR,
        ],
        responses={200: list_schemas.MeasurementPageBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of receipts, in the order of reception; ``next`` leads to the next one."""
        parameters = read_parameters(
            request,
            (
                "study", "identity", "name", "status", "from", "to", "received_from", "received_to",
                "limit", "after",
            ),
        )  # fmt: skip
        status = parameters.get("status", "")
        if "status" in parameters:
            read_choice(parameters, "status", Measurement.Status.values, "")
        search = FileSearch(
            identity=parameters.get("identity"),
            name=parameters.get("name"),
            status=status,
            samples=read_range(parameters),
            received=read_range(parameters, "received_"),
        )
        limit = read_number(parameters, "limit", 100, list_schemas.MAX_ROWS)
        after = read_cursor(parameters, "measurement", _UUID)
        files = find_files(read_scope(request, parameters), search, after, limit + 1)
        has_next = len(files) > limit
        cursor = make_cursor("measurement", str(files[limit - 1].pk)) if has_next else None
        return Response(
            {
                "results": [make_receipt(file) for file in files[:limit]],
                "next": make_next_url(request, parameters, cursor),
            }
        )


def _serialize(row: IdentityRow) -> dict[str, Any]:
    identity = row.identity
    return {
        "identity_id": identity.pk,
        "identity": identity.name,
        "description": identity.description,
        "is_active": identity.is_active,
        "created_at": identity.created_at,
        "last_ms": row.last_ms,
    }
