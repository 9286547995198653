"""Places for large responses: exports never take the threads that pages, login and health need.

A place is a lock on a file. The processes of the service share the files, and the kernel releases
the lock of a process that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.utils.translation import gettext as _
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from analysis.api.authentication import BearerToken
from identities import request_id
from identities.audit import recorder
from ingest.api import problem_json

RETRY_AFTER_SECONDS = 10
# nginx takes up a response of this size whatever the client's speed: staff_proxy.conf.
MAX_BUFFERED_BYTES = 512 * 1024
# Threads of each process that no stream takes.
SPARE_THREADS = 2
_READING = ("GET", "HEAD")
# What this thread holds. It serves one request at a time.
_thread = threading.local()


class LimitStreams:
    """Middleware: at most ``MAX_STREAMS`` large responses at once, and a number for each user.

    Others are refused with 429 at once, instead of waiting in a thread.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        threads = max(1, settings.STAFF_THREADS - SPARE_THREADS)
        self._in_process = threading.BoundedSemaphore(threads)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _release()  # what this thread still holds belongs to a request that is over
        response = self._get_response(request)
        if request.method == "HEAD" and isinstance(response, StreamingHttpResponse):
            response.streaming_content = ()  # the server would read all of it, and send none
        if request.method != "GET" or not _is_large(response):
            _release()
            return response
        refusal = self._take_places(getattr(request.user, "pk", None))
        if refusal:
            response.close()
            return _refuse(request, refusal)
        response._resource_closers.append(_release)  # type: ignore[attr-defined]
        return response

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        """Refuse an export before its view reads anything, if there is no place for it."""
        match = request.resolver_match
        if request.method not in _READING or match is None:
            return None
        user = _find_user(request) if recorder.is_export(match.view_name) else None
        if user is None:
            return None
        refusal = self._take_places(user)
        return _refuse(request, refusal) if refusal else None

    def _take_places(self, user: int | None) -> str:
        """Take a place of the user, the process and all; return "", or why there is none."""
        if getattr(_thread, "held", None) is not None:
            return ""
        with contextlib.ExitStack() as held:
            if not _lock(f"user-{user or 0}", settings.MAX_STREAMS_PER_USER, held):
                return _("Your account is receiving %(count)d downloads already.") % {
                    "count": settings.MAX_STREAMS_PER_USER
                }
            if not self._in_process.acquire(blocking=False):
                return _("As many downloads as run at once are running.")
            held.callback(self._in_process.release)
            if not _lock("all", settings.MAX_STREAMS, held):
                return _("As many downloads as run at once are running.")
            _thread.held = held.pop_all()
        return ""


def _release() -> None:
    held: contextlib.ExitStack | None = getattr(_thread, "held", None)
    if held is not None:
        _thread.held = None
        held.close()


def _find_user(request: HttpRequest) -> int | None:
    """Return the number of the request's user by its token or session, None for strangers."""
    try:
        found = BearerToken().authenticate(Request(request))
    except AuthenticationFailed:
        return None
    return request.user.pk if found is None else found[0].pk


def _is_large(response: HttpResponseBase) -> bool:
    return response.streaming or (
        isinstance(response, HttpResponse) and len(response.content) > MAX_BUFFERED_BYTES
    )


def _lock(name: str, count: int, held: contextlib.ExitStack) -> bool:
    """Lock one of the ``count`` places called ``name``, until ``held`` closes; False if none is."""
    folder = Path(settings.STREAM_PLACES_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(count):
        file = os.open(folder / f"{name}.{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            continue
        held.callback(os.close, file)
        return True
    return False


def _refuse(request: HttpRequest, reason: str) -> HttpResponse:
    detail = _("%(reason)s Try again when one has finished.") % {"reason": reason}
    response: HttpResponse
    if request.path.startswith("/api/"):
        problem = problem_json.build_problem(
            "too_many_streams",
            title="Too many requests",
            status=429,
            detail=detail,
            request_id=request_id.begin(request),
        )
        response = JsonResponse(problem, status=429, content_type=problem_json.CONTENT_TYPE)
    else:
        response = render(request, "429.html", {"detail": detail}, status=429)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    return response
