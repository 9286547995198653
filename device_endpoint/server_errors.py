"""The staff site's own pages for a database that is away and for faults of the program.

They are rendered without the request, whose session and user come from the database.
"""

from __future__ import annotations

import logging
import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from identities import request_id
from ingest.api import problem_json
from ingest.storage.transactions import DATABASE_UNAVAILABLE_ERRORS

RETRY_AFTER_SECONDS = 10
_log = logging.getLogger(__name__)


def answer_server_error(request: HttpRequest) -> HttpResponse:
    """Return 503 if the database was unavailable, else 500: Django's ``handler500``."""
    error = sys.exc_info()[1]
    if isinstance(error, DATABASE_UNAVAILABLE_ERRORS):
        _log.error("database unavailable: %s: %s", type(error).__name__, str(error).strip())
        detail = _("The database does not answer at the moment. Try again shortly.")
        if request.path.startswith("/api/"):
            response = _make_problem(request, detail)
        else:
            response = _render(request, 503, _("Service unavailable"), detail)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    detail = _("The program failed. The server's log has the details under the request ID.")
    return _render(request, 500, _("Server error"), detail)


def _make_problem(request: HttpRequest, detail: str) -> HttpResponse:
    problem = problem_json.build_problem(
        "database_unavailable",
        title="Service Unavailable",
        status=503,
        detail=detail,
        request_id=request_id.begin(request),
    )
    return JsonResponse(problem, status=503, content_type=problem_json.CONTENT_TYPE)


def _render(request: HttpRequest, status: int, heading: str, detail: str) -> HttpResponse:
    context = {"heading": heading, "detail": detail, "request_id": request_id.begin(request)}
    return HttpResponse(render_to_string("server_error.html", context), status=status)
