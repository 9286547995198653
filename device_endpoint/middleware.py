"""Middleware of the staff site: request ids, browser headers, rejection of invalid queries."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from identities import request_id

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
    """Reject admin queries with NUL characters (400), which PostgreSQL cannot store or compare.

    Forms reject them themselves, and so does the analysis API. All else that a query of the admin
    may hold is checked by ``identities.admin.checked_requests``.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/admin/"):
            for name, values in request.GET.lists():
                if any("\0" in each for each in (name, *values)):
                    return HttpResponse("Invalid query parameter.\n", "text/plain", 400)
        return self._get_response(request)
