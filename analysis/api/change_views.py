"""The view of the changes feed."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import openapi as doc
from analysis.api.errors import BadParameter, CursorExpired, UnknownStudy
from analysis.api.parameters import read_number, read_parameters
from analysis.api.view_base import ReadView
from analysis.queries import feed_cursor
from analysis.queries.changes import Change, FeedScope, read_changes
from identities.studies import Study
from identities.visibility import Scope, scope_of_request

MAX_CHANGES = 10_000


class ChangesView(ReadView):
    """The changes feed."""

    permission = "ingest.view_sampleblock"

    @extend_schema(
        operation_id="list_changes",
        summary="Changes of the samples",
        parameters=[
            OpenApiParameter(
                "after",
                str,
                description="The cursor that `next` contains; `next` as a whole is accepted too. "
                "Without it, from the first stored file on.",
            ),
            OpenApiParameter(
                "study",
                str,
                description="Only identities of this study, and those that enter and leave it.",
            ),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_CHANGES, "default": 1000},
                description="Files and acts of maintenance on a page; each may change several "
                "series.",
            ),
        ],
        responses={200: doc.ChangesBody, **doc.error_responses(400, 404, 410)},
    )
    def get(self, request: Request) -> Response:
        """Return the ranges of series that changed, in order.

        `next` is never null: it gives the changes that follow. A transaction that commits later
        is never skipped.
        """
        parameters = read_parameters(request, ("after", "study", "limit"))
        limit = read_number(parameters, "limit", 1000, MAX_CHANGES)
        after = _read_cursor(parameters.get("after"))
        study = parameters.get("study")
        scope = _read_scope(request, study)
        try:
            page = read_changes(
                after,
                limit=limit,
                read_scope=lambda: FeedScope.of(scope, is_study=study is not None),
            )
        except feed_cursor.CursorExpired as error:
            raise CursorExpired(
                "The database was restored after this cursor was given. Start without `after`."
            ) from error
        except feed_cursor.NotACursor as error:
            raise BadParameter("after", "expected the cursor that `next` contains.") from error
        query = urlencode({**parameters, "after": page.cursor})
        return Response(
            {
                "results": [_serialize(change) for change in page.changes],
                "next": request.build_absolute_uri(f"{request.path}?{query}"),
            }
        )


def _read_scope(request: Request, study: str | None) -> Scope:
    scope = scope_of_request(request, ChangesView.permission)
    try:
        return scope if study is None else scope.in_study(study)
    except Study.DoesNotExist as error:
        raise UnknownStudy(f"There is no study {study!a}.") from error


def _read_cursor(after: str | None) -> str | None:
    """Return the cursor, also out of the URL ``next``; None without any."""
    if not after:
        return None
    found = parse_qs(urlsplit(after).query).get("after") if "?" in after else None
    return found[-1] if found else after


def _serialize(change: Change) -> dict[str, object]:
    return {
        "identity_id": change.identity_id,
        "identity": change.identity,
        "name": change.name,
        "from_ms": change.from_ms,
        "to_ms": change.to_ms,
        "kind": change.kind,
        "measurement": change.measurement,
        "at": change.at,
    }
