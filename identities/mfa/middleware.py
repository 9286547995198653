"""Redirects users who have given their password but still need to give or set up a code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django_otp import user_has_device

# In the session of a user whose identity provider has asked for MFA in a way that settings trust.
PROVIDER_MFA = "oidc_mfa"
EXEMPT_VIEWS = {"admin:login", "admin:logout", "mfa:verify"}


class MfaMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Return None to let the request pass, or the redirect to the MFA page it needs."""
        if settings.STAFF_MFA == "off":
            return None
        user: Any = request.user
        if not user.is_authenticated or user.is_verified() or request.session.get(PROVIDER_MFA):
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in EXEMPT_VIEWS:
            return None
        if user_has_device(user):
            return _redirect_to("mfa:verify", request)
        if settings.STAFF_MFA == "required" and name != "mfa:setup":
            return _redirect_to("mfa:setup", request)
        return None


def _redirect_to(name: str, request: HttpRequest) -> HttpResponse:
    if not request.path.startswith("/admin/"):
        return HttpResponse("MFA is required: log in at /admin/.\n", "text/plain", 403)
    return HttpResponseRedirect(f"{reverse(name)}?{urlencode({'next': request.get_full_path()})}")
