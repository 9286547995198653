"""``GET /metrics``: for tokens whose owner may view measurements, and for this machine."""

from __future__ import annotations

import http.client
import ipaddress

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from analysis.api.authentication import BearerToken
from device_endpoint.metrics.collectors import (
    CachedGauges,
    ServiceCounters,
    database_gauges,
    readiness_gauges,
    replica_gauges,
    server_certificate_gauges,
)
from identities.visibility import may_view_installation

PERMISSION = "ingest.view_measurement"

_registry = CollectorRegistry()
for _collector in (
    ServiceCounters(),
    CachedGauges(database_gauges),
    CachedGauges(readiness_gauges),
    CachedGauges(replica_gauges),
    CachedGauges(server_certificate_gauges),
):
    _registry.register(_collector)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return all metrics; 401 without a valid token, 403 without the permission."""
    refusal = _check_access(request)
    if refusal is not None:
        return refusal
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_registry), content_type=content_type)


def _check_access(request: HttpRequest) -> HttpResponse | None:
    try:
        user_and_token = BearerToken().authenticate(Request(request))
    except AuthenticationFailed as error:
        return _unauthorized(str(error.detail))
    if user_and_token is not None:
        user, token = user_and_token
        if not user.has_perm(PERMISSION):  # type: ignore[attr-defined] # a Django user
            lacking = f"The token's owner lacks the permission {PERMISSION}.\n"
            return _text(lacking, http.client.FORBIDDEN)
        if not may_view_installation(user, token):
            return _text("The metrics concern all studies.\n", http.client.FORBIDDEN)
        return None
    if _is_from_this_machine(request):
        return None
    return _unauthorized("Send an access token: Authorization: Bearer TOKEN.")


def _is_from_this_machine(request: HttpRequest) -> bool:
    # nginx sets the header in every request, and staff_wsgi refuses requests that bypass nginx.
    try:
        return ipaddress.ip_address(request.META.get("HTTP_X_REAL_IP", "")).is_loopback
    except ValueError:
        return False


def _unauthorized(reason: str) -> HttpResponse:
    response = _text(f"{reason}\n", http.client.UNAUTHORIZED)
    response["WWW-Authenticate"] = 'Bearer realm="device-endpoint"'
    return response


def _text(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
