"""The view of the changes feed."""

from __future__ import annotations

from dataclasses import fields
from urllib.parse import parse_qs, urlencode, urlsplit

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import openapi as doc
from analysis.api.errors import BadParameter, CursorExpired
from analysis.api.parameters import read_number, read_parameters, read_scope
from analysis.api.view_base import ReadView
from analysis.queries import feed_cursor
from analysis.queries.changes import Change, FeedScope, read_changes

MAX_CHANGES = 10_000
_MEMBERS = [each.name for each in fields(Change)]


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
            doc.whole_number(
                "limit",
                MAX_CHANGES,
                1000,
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
        scope = read_scope(request, parameters, self.permission)
        try:
            page = read_changes(
                after,
                limit=limit,
                read_scope=lambda: FeedScope.of(scope, is_study="study" in parameters),
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
                "results": [
                    {name: getattr(change, name) for name in _MEMBERS} for change in page.changes
                ],
                "next": request.build_absolute_uri(f"{request.path}?{query}"),
            }
        )


def _read_cursor(after: str | None) -> str | None:
    """Return the cursor, also out of the URL ``next``; None without any."""
    if not after:
        return None
    found = parse_qs(urlsplit(after).query).get("after") if "?" in after else None
    return found[-1] if found else after
