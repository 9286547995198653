"""Responses of the device API: always JSON, problem+json for every refusal, never a 500."""

from __future__ import annotations

import logging
import re

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from identities import request_id
from ingest import certificate_refusals, probe_mark
from ingest.api import metrics, problem_json
from ingest.api.problem_json import ProblemResponse, find_problem
from ingest.device_requests import describe_request
from ingest.storage.overlap_budget import HourNotCompacted
from ingest.storage.transactions import DATABASE_UNAVAILABLE_ERRORS

logger = logging.getLogger(__name__)

INTERNAL_ERROR_RETRY_AFTER_SECONDS = 3600
# Names and file names return as the device sent them. JSON escapes, which every JSON reader
# undoes, keep them from acting on a terminal, log or page.
_NEEDS_ESCAPE = re.compile(r"[^\x20-\x7e]|[<>&]")


def json_response(body: dict[str, object]) -> HttpResponse:
    return _response(body, 200, "application/json")


def _response(body: dict[str, object], status: int, content_type: str) -> HttpResponse:
    content = _encode(body).encode()
    # Small devices cannot read chunked responses.
    headers = {"Content-Length": str(len(content))}
    return HttpResponse(content, content_type=content_type, status=status, headers=headers)


def _encode(body: dict[str, object]) -> str:
    return _NEEDS_ESCAPE.sub(_escape, orjson.dumps(body).decode())


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def problem_response(problem: ProblemResponse, request: HttpRequest) -> HttpResponse:
    """Log and count a refusal and return its answer."""
    identifier = request_id.begin(request)  # some refusals come before or without the view
    code = problem.problem.code
    logger.info("refused %s %s", problem.status, problem.outcome or code)
    metrics.count_refusal(code)
    response = _response(problem.as_json(identifier), problem.status, problem_json.CONTENT_TYPE)
    if problem.retry_after is not None:
        response["Retry-After"] = str(problem.retry_after)
    if problem.status == 405:
        response["Allow"] = "GET, HEAD, POST"
    return response


def handle_exception(error: Exception, context: dict[str, object]) -> HttpResponse:
    """Return the answer to an exception of a view (Django REST framework's exception handler)."""
    request = context["request"]._request  # type: ignore[attr-defined] # what DRF wraps
    if isinstance(error, DATABASE_UNAVAILABLE_ERRORS):
        logger.error("database unavailable: %s", error)
    problem = find_problem(error)
    return internal_error(request, error) if problem is None else problem_response(problem, request)


def record_refusal(sha256: bytes, error: Exception, request: HttpRequest) -> None:
    """Keep a refused request as the last one of its certificate.

    Not kept are faults of the server and requests of its own ``doctor``. That an hour waits for
    compaction is kept: it holds off this device alone.
    """
    problem = find_problem(error)
    mark = request.META.get(probe_mark.ENVIRON_KEY, "")
    if probe_mark.is_own_probe(mark, settings.PROXY_SECRET):
        return
    if problem is not None and (problem.status < 500 or isinstance(error, HourNotCompacted)):
        certificate_refusals.record(
            sha256,
            problem.problem.code,
            problem.status,
            problem.detail,
            describe_request(request.META),
        )


def internal_error(request: HttpRequest, error: BaseException | None = None) -> HttpResponse:
    """Log the traceback and answer 503: a 500 would make devices resend at full speed."""
    request_id.begin(request)
    logger.error("internal error", exc_info=error or True)
    problem = ProblemResponse(
        problem_json.INTERNAL_ERROR, retry_after=INTERNAL_ERROR_RETRY_AFTER_SECONDS
    )
    return problem_response(problem, request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a path that does not exist, or a request that Django itself finds suspicious."""
    return problem_response(ProblemResponse(problem_json.NOT_FOUND), request)
