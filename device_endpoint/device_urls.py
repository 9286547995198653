"""The device door: one endpoint and nothing else."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from ingest.api import problems
from ingest.api.views import DeviceEndpoint
from ingest.refusals import NotFound

urlpatterns = [
    path("device_endpoint", DeviceEndpoint.as_view()),
    path("device_endpoint/", DeviceEndpoint.as_view()),
]

handler404 = "ingest.api.problems.not_found"
handler500 = "ingest.api.problems.fault"


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself finds suspicious: no path of this door."""
    return problems.problem(NotFound(), request)
