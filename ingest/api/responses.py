"""Answers of the device door: JSON always, problem+json for every refusal, never a 500."""

from __future__ import annotations

import logging
import random
import re
import uuid

import orjson
import psycopg
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse

from ingest import metrics, request_id
from ingest.errors import (
    DatabaseUnavailable,
    InternalError,
    NotFound,
    ProblemResponse,
)
from ingest.storage import transactions

logger = logging.getLogger(__name__)

INTERNAL_ERROR_RETRY_AFTER_SECONDS = 3600
_DATABASE_AWAY = (
    "OperationalError",
    "InterfaceError",
    "InternalError",
)
# Names and file names are told back as the device told them: escaped in a way that any reader of
# JSON undoes, they can act on no terminal, log or page on their way.
_ACTIVE = re.compile(r"[^\x20-\x7e]|[<>&]")


def read_request_id(request: HttpRequest) -> str:
    """Return nginx's id of the request, which stands in its access log too."""
    identifier = str(request.META.get("HTTP_X_REQUEST_ID", ""))[:64] or uuid.uuid4().hex
    request.META["HTTP_X_REQUEST_ID"] = identifier
    return identifier


def answer(body: dict[str, object], status: int = 200) -> HttpResponse:
    """Return ``body`` as JSON."""
    return HttpResponse(_as_json(body), status=status, content_type="application/json")


def _as_json(body: dict[str, object]) -> str:
    return _ACTIVE.sub(_escape, orjson.dumps(body).decode())


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def problem(refusal: ProblemResponse, request: HttpRequest) -> HttpResponse:
    """Return the answer to a refusal (RFC 9457)."""
    identifier = read_request_id(request)
    request_id.begin(identifier)  # not every refusal is one of the view
    logger.info("refused %s %s", refusal.status, refusal.outcome or refusal.code)
    metrics.count_refusal(refusal.code)
    response = HttpResponse(
        _as_json(refusal.as_problem(identifier)),
        status=refusal.status,
        content_type="application/problem+json",
    )
    if refusal.retry_after is not None:
        response["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 405:
        response["Allow"] = "GET, HEAD, POST"
    return response


def handle_exception(error: Exception, context: dict[str, object]) -> HttpResponse:
    """Return the answer to whatever a view raised (Django REST framework's exception handler)."""
    request = context["request"]._request  # type: ignore[attr-defined] # what DRF wraps
    if isinstance(error, ProblemResponse):
        return problem(error, request)
    if isinstance(error, DatabaseError | psycopg.Error) and type(error).__name__ in _DATABASE_AWAY:
        logger.error("database unavailable: %s", error)
        retry_after = random.randint(*transactions.RETRY_AFTER_SECONDS)  # noqa: S311 - jitter
        return problem(DatabaseUnavailable(retry_after=retry_after), request)
    return fault(request, error)


def fault(request: HttpRequest, error: BaseException | None = None) -> HttpResponse:
    """Log a fault of ours with its trace and answer 503: a device must not resend at full speed."""
    request_id.begin(read_request_id(request))
    logger.error("internal error", exc_info=error or True)
    return problem(InternalError(retry_after=INTERNAL_ERROR_RETRY_AFTER_SECONDS), request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a path that does not exist (the URLconf's ``handler404``)."""
    return problem(NotFound(), request)
