"""``GET /metrics``: for a token whose owner may view measurements, or from this machine itself."""

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
    Remembered,
    database_gauges,
    readiness_gauges,
    replica_gauges,
    server_certificate_gauges,
)
from device_endpoint.metrics.multiprocess import BothDoors

PERMISSION = "ingest.view_measurement"

_registry = CollectorRegistry()
for _collector in (
    BothDoors(),
    Remembered(database_gauges),
    Remembered(readiness_gauges),
    Remembered(replica_gauges),
    Remembered(server_certificate_gauges),
):
    _registry.register(_collector)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all metrics, 401 to strangers, 403 to those who may not view measurements."""
    refused = _refusal(request)
    if refused is not None:
        return refused
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_registry), content_type=content_type)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    bearer = BearerToken()
    try:
        found = bearer.authenticate(Request(request))
    except AuthenticationFailed as error:
        return _unauthorized(str(error.detail))
    if found is not None:
        if found[0].has_perm(PERMISSION):  # type: ignore[attr-defined] # a user of Django's
            return None
        return _text(
            f"The token's owner lacks the permission {PERMISSION}.\n", http.client.FORBIDDEN
        )
    if _is_from_here(request):
        return None
    return _unauthorized("Send an access token: Authorization: Bearer TOKEN.")


def _is_from_here(request: HttpRequest) -> bool:
    # nginx sets it in every request, and staff_wsgi lets nothing pass that nginx has not sent.
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
