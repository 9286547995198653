"""Lets nobody further with the password alone who has, or must have, a second factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django_otp import user_has_device

OPEN = {"admin:login", "admin:logout", "second_factor:check"}


class SecondFactorMiddleware:
    """Sends a signed-in person who has not given a code to where they can."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Return None to go on, or the way to the code."""
        if settings.STAFF_MFA == "off":
            return None
        user: Any = request.user
        if not user.is_authenticated or user.is_verified():
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in OPEN:
            return None
        if user_has_device(user):
            return _to("second_factor:check", request)
        if settings.STAFF_MFA == "required" and name != "second_factor:enrol":
            return _to("second_factor:enrol", request)
        return None


def _to(name: str, request: HttpRequest) -> HttpResponse:
    if not request.path.startswith("/admin/"):
        return HttpResponse("A second factor is needed: log in at /admin/.\n", "text/plain", 403)
    return HttpResponseRedirect(f"{reverse(name)}?{urlencode({'next': request.get_full_path()})}")
