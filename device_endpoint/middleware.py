"""Middleware of the staff site: request ids, browser headers, rejection of invalid queries."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from ingest import request_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# No page uses these browser features. The clipboard stays allowed, for copying a key.
_DISABLED_FEATURES = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "payment",
    "publickey-credentials-get",
    "serial",
    "usb",
)
PERMISSIONS_POLICY = ", ".join(f"{feature}=()" for feature in _DISABLED_FEATURES)

# Query parameters that pre-fill an admin form with a row's primary key.
_PRIMARY_KEY_PARAMETERS = ("identity",)
_PRIMARY_KEY = re.compile(r"[0-9]{0,18}")
_YEARS = re.compile(r"[1-9][0-9]{3}(,[1-9][0-9]{3})*")


class RequestIds:
    """Take over the request id that nginx assigned. Comes first, so that all log lines carry it."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Not cleared afterwards: Django still logs after the last middleware has returned.
        request_id.begin(request)
        return self._get_response(request)


class BrowserHeaders:
    """Add the headers for which Django has no setting; a view's own headers take precedence."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class RejectInvalidQueries:
    """Reject admin queries with NUL characters, invalid years or invalid keys (400).

    Django's admin would answer them with 500. Forms reject NUL characters themselves, and so does
    the analysis API.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/admin/"):
            is_form = request.path.endswith("/add/")
            for name, values in request.GET.lists():
                if any(is_invalid(name, value, is_form=is_form) for value in values):
                    return HttpResponse("Invalid query parameter.\n", "text/plain", 400)
        return self._get_response(request)


def is_invalid(name: str, value: str, *, is_form: bool = False) -> bool:
    """Return whether a parameter holds a NUL character, or an invalid year or primary key."""
    if is_form and name in _PRIMARY_KEY_PARAMETERS and _PRIMARY_KEY.fullmatch(value) is None:
        return True
    parts = name.split("__")
    is_year = "year" in parts or "iso_year" in parts
    return "\0" in name + value or (is_year and _YEARS.fullmatch(value) is None)
