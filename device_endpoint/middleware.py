"""Give the staff site's log lines the id that nginx gave the request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from ingest import request_id


class RequestIds:
    """Middleware, to stand first: what the others log carries the id too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request. Django logs after its middlewares too, so the id stays."""
        request_id.begin(request)
        return self._get_response(request)
