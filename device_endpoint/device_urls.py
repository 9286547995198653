"""The device door: one endpoint and nothing else."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from ingest.api import responses
from ingest.api.views import DeviceEndpoint
from ingest.errors import NotFound

urlpatterns = [
    path("device_endpoint", DeviceEndpoint.as_view()),
    path("device_endpoint/", DeviceEndpoint.as_view()),
]

handler404 = "ingest.api.responses.not_found"
handler500 = "ingest.api.responses.fault"


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself finds suspicious: no path of this door."""
    return responses.problem(NotFound(), request)
