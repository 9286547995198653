"""The errors of the analysis API and the exception handler that returns them as problem+json.

The body has the same members as the problems of the device API; it is never HTML.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.queries import read_database
from identities import request_id
from ingest.api import problem_json
from ingest.storage.transactions import DATABASE_UNAVAILABLE_ERRORS

_CODES = {
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
}
_DETAILS = {
    exceptions.NotAuthenticated: "Send the header `Authorization: Bearer TOKEN`: staff issue "
    "tokens in the admin, or by manage.py issue_token.",
    exceptions.NotFound: "There is no such path: /api/v1/ has the URLs of all lists, and "
    "/api/v1/docs has all paths.",
}
_log = logging.getLogger(__name__)


class ProblemResponse(Exception):
    """An error response; ``detail`` is one sentence for the client's author."""

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class BadParameter(ProblemResponse):
    """The query parameter ``parameter`` is invalid."""

    code, status = "bad_parameter", 400

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}", parameter=parameter)


class UnknownSeries(ProblemResponse):
    """The identity has no sample under this name."""

    code, status = "unknown_series", 404


class MeasurementWithoutCode(ProblemResponse):
    """The format requires a LOINC code, and no measurement type gives one."""

    code, status = "measurement_without_code", 409


class CursorExpired(ProblemResponse):
    """The database was restored after the cursor was given."""

    code, status = "cursor_expired", 410


class UnknownIdentity(ProblemResponse):
    """No identity that the account may see has this name."""

    code, status = "unknown_identity", 404


class UnknownStudy(ProblemResponse):
    """No study that the account may see has this name."""

    code, status = "unknown_study", 404


class DamagedFile(ProblemResponse):
    """The stored file is not what the device sent: it is not returned."""

    code, status = "file_damaged", 503

    def __init__(self, fault: str) -> None:
        super().__init__(
            f"The stored file is damaged: {fault}. Restore it from a backup.", retryable=False
        )


class UnknownMeasurement(ProblemResponse):
    """No measurement file has this id."""

    code, status = "unknown_measurement", 404


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Return the response to ``error``; the DRF exception handler of all views."""
    request: Request = context["request"]
    identifier = request_id.begin(request._request)
    if isinstance(error, ProblemResponse):
        return _respond(error.status, error.code, error.detail, identifier, extra=error.extra)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        code = _CODES.get(error.status_code, str(error.default_code))
        detail = _DETAILS.get(type(error), str(error.detail))
        return _respond(error.status_code, code, detail, identifier, headers=_headers_of(error))
    if isinstance(error, DATABASE_UNAVAILABLE_ERRORS):
        _log.warning("the database is unavailable: %s", error)
        database = "analysis replica" if read_database.is_replica() else "database"
        detail = f"The {database} is unavailable at the moment or took too long."
        return _respond(503, "database_unavailable", detail, identifier, {"Retry-After": "10"})
    _log.error("%s", request.path, exc_info=error)
    detail = "Internal error; the server's log has the details under the request id."
    return _respond(500, "internal_error", detail, identifier)


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    # DRF sets auth_header on exceptions about missing or wrong credentials.
    wanted = getattr(error, "auth_header", None)
    return {"WWW-Authenticate": wanted} if wanted else {}


def _respond(
    status: int,
    code: str,
    detail: str,
    identifier: str,
    headers: dict[str, str] | None = None,
    *,
    extra: dict[str, object] | None = None,
) -> Response:
    body = problem_json.build_problem(
        code,
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=identifier,
        **(extra or {}),
    )
    return Response(
        body,
        status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        content_type=problem_json.CONTENT_TYPE,
    )
