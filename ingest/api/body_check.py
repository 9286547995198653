"""The check of a long or chunked body, which nginx asks for before it reads any of it.

nginx/device.conf sends such a request's head here by ``auth_request``, which knows three answers:
401 leads the body of a live certificate's upload to its place on disk, 204 lets a chunked body
without files go on up to 64 KiB, and 403 carries the refusal, which nginx gives to the device.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from identities import request_id
from ingest.api import parsers, problem_json, responses
from ingest.api.authentication import (
    check_certificate_to_register,
    is_tolerated,
    read_presented_certificate,
    resolve_binding,
)
from ingest.api.problem_json import CertificateRefused, ProblemResponse
from ingest.interrupted_uploads import ensure_not_interrupted

# What auth_request knows.
LARGE_BODY_ALLOWED = 401
SMALL_BODY_ALLOWED = 204
REFUSED = 403


class BodyCheck(APIView):
    """Answer nginx's question about a body; the order of refusals is that of the device API."""

    http_method_names = ["get"]
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request_id.begin(request._request)

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(status=check_body(request._request))

    def get_exception_handler(self) -> Any:
        return _refuse

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the answer as it is: nginx alone reads it."""
        request_id.end()
        return response


def check_body(request: HttpRequest) -> int:
    """Return the status by which nginx goes on; raise the refusal of the request.

    The method and the length of the body are in headers that nginx sets; a body of unknown length
    is chunked.
    """
    length = int(request.META.get("HTTP_X_BODY_LENGTH") or 0)
    if length > settings.MAX_REQUEST_BYTES:
        raise parsers.body_too_large(settings.MAX_REQUEST_BYTES)
    method = request.META.get("HTTP_X_BODY_METHOD", "")
    if method not in ("GET", "HEAD", "POST"):
        raise ProblemResponse(problem_json.METHOD_NOT_ALLOWED)
    media_type = parsers.read_media_type(request) if method == "POST" else None
    if media_type == parsers.MULTIPART:
        presented = read_presented_certificate(request)
        resolve_binding(presented)
        if length:
            ensure_not_interrupted(presented.sha256, length)
        return LARGE_BODY_ALLOWED
    if length:
        if media_type is None:  # a GET: its certificate comes before the size of its body
            resolve_binding(read_presented_certificate(request))
            raise parsers.body_too_large(settings.MAX_SMALL_BODY_BYTES)
        raise parsers.body_too_large(settings.MAX_JSON_BYTES)
    _check_small_request(request, is_json=media_type == parsers.JSON)
    return SMALL_BODY_ALLOWED


def _check_small_request(request: HttpRequest, *, is_json: bool) -> None:
    if not is_json:
        resolve_binding(read_presented_certificate(request))
        return
    try:
        presented = read_presented_certificate(request)
    except CertificateRefused as refusal:
        raise refusal.at_registration() from refusal
    try:
        check_certificate_to_register(presented)
    except CertificateRefused as refusal:
        if not is_tolerated(refusal.problem.code):
            raise
        resolve_binding(presented)  # a bound certificate may renew


def _refuse(error: Exception, context: dict[str, object]) -> HttpResponse:
    """Return a refusal as ``auth_request`` can hand it on: everything in headers.

    The view that records refusals is not reached then.
    """
    problem = responses.handle_exception(error, context)
    _record(error, context["request"]._request)  # type: ignore[attr-defined] # what DRF wraps
    answer = HttpResponse(status=REFUSED)
    answer["X-Problem"] = problem.content.decode()
    answer["X-Problem-Status"] = str(problem.status_code)
    for name in ("Retry-After", "Allow"):
        if name in problem:
            answer[f"X-Problem-{name}"] = problem[name]
    return answer


def _record(error: Exception, request: HttpRequest) -> None:
    try:
        presented = read_presented_certificate(request)
    except CertificateRefused:
        return  # there is none, or none that can be read
    responses.record_refusal(presented.sha256, error, request)
