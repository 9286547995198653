"""How failed logins are counted and what is answered when there were too many (django-axes)."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac

from identities.audit import recorder
from identities.client_ip import client_address


def counted_address(request: HttpRequest) -> str | None:
    """Return the address that failures are counted for: of IPv6 its /64, which one host has."""
    found = client_address(request)
    if found is None or "." in found:
        return found
    return str(ipaddress.ip_network((found, 64), strict=False).network_address)


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return what stands for the user name in the count: never the text that was typed.

    People type passwords into the field for the name, and whatever is counted is stored.
    """
    typed = (credentials or {}).get("username") or request.POST.get("username") or ""
    return salted_hmac("identities.login_lockout", str(typed)).hexdigest()[:24]


def locked_out(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any]
) -> HttpResponse:
    """Return the page that a locked-out person sees: 429, with the time to wait."""
    recorder.record_attempt(
        recorder.Action.LOCKED_OUT, request, str(credentials.get("username", ""))
    )
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"title": "Too many failed logins", "minutes": -(-seconds // 60)}
    page = render(request, "admin/identities/login_locked.html", context, status=429)
    page["Retry-After"] = str(seconds)
    return page
