"""The browser's address, as nginx tells it."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """Return the browser's address as nginx saw it; None where there is none to be known."""
    told = request.META.get("HTTP_X_REAL_IP") or request.META.get("REMOTE_ADDR") or ""
    try:
        return str(ipaddress.ip_address(told.partition("%")[0]))
    except ValueError:
        return None
