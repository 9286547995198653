"""Counting of failed logins and the answer to a user who is locked out (django-axes)."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from identities.audit import recorder


def resolve_address(request: HttpRequest) -> str | None:
    """Return the address to count for: an IPv4 address, or the /64 that one IPv6 host has."""
    address = recorder.read_client_ip(request)
    if address is None or "." in address:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False).network_address)


def digest_username(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return a keyed digest to count a user name by.

    The text itself is not stored: people type passwords into the field for the name.
    """
    username = (credentials or {}).get("username") or request.POST.get("username") or ""
    return salted_hmac("identities.login_lockout", str(username)).hexdigest()[:24]


def answer_locked_out(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any]
) -> HttpResponse:
    """Return the page for a user who is locked out: 429, with the time to wait."""
    username = str(credentials.get("username", ""))
    recorder.record_failed_login(recorder.Action.LOCKED_OUT, request, username)
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"title": _("Too many failed logins"), "minutes": -(-seconds // 60)}
    page = render(request, "admin/identities/login_locked.html", context, status=429)
    page["Retry-After"] = str(seconds)
    return page
