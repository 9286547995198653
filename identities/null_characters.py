"""Refuses what PostgreSQL cannot look for: the admin would hand it on and fail with an error."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase


class RefuseNullCharacters:
    """Answers 400 to a page of the admin that is asked for with a null character in its query.

    Forms refuse them by themselves, and so does the read API, in its own words.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer."""
        query = request.META.get("QUERY_STRING", "")
        if ("%00" in query or "\0" in query) and request.path.startswith("/admin/"):
            return HttpResponse("The query holds a null character.\n", "text/plain", 400)
        return self._get_response(request)
