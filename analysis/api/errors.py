"""Errors as application/problem+json (RFC 9457), in the shape that the device door has too.

What the views raise becomes ``type`` (``urn:device-endpoint:CODE``), ``title``, ``status``,
``detail`` and ``request_id``. Nothing leaves this API as HTML.
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
from ingest import request_id
from ingest.api import problem_json
from ingest.storage.transactions import DATABASE_UNAVAILABLE_ERRORS

_CODES = {
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
}
_log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer that is an error. ``detail`` is one sentence for whoever wrote the request."""

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class BadParameter(Problem):
    """A query parameter that cannot be used; ``parameter`` names it."""

    code, status = "bad_parameter", 400

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}", parameter=parameter)


class UnknownSeries(Problem):
    """No sample is stored for this identity under this name."""

    code, status = "unknown_series", 404


class WithoutCode(Problem):
    """The form needs to know what the values are, and no measurement type says so."""

    code, status = "measurement_without_code", 409


class UnknownMeasurement(Problem):
    """No file has this id."""

    code, status = "unknown_measurement", 404


def answer_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Return the answer to ``error``: DRF's exception handler of every view here."""
    request: Request = context["request"]
    identifier = request_id.begin(request._request)
    if isinstance(error, Problem):
        return _respond(error.status, error.code, error.detail, identifier, extra=error.extra)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        code = _CODES.get(error.status_code, str(error.default_code))
        return _respond(
            error.status_code, code, str(error.detail), identifier, headers=_headers_of(error)
        )
    if isinstance(error, DATABASE_UNAVAILABLE_ERRORS):
        _log.warning("the database did not answer: %s", error)
        which = "replica that analysts read from" if read_database.is_replica() else "database"
        detail = f"The {which} does not answer at the moment, or took too long."
        return _respond(503, "database_unavailable", detail, identifier, {"Retry-After": "10"})
    _log.error("%s", request.path, exc_info=error)
    detail = "A fault of this server's, recorded under the request id."
    return _respond(500, "internal_error", detail, identifier)


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    # DRF sets auth_header on what it raises for a request without or with wrong credentials.
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
