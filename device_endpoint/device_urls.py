"""URLconf of the device API: one endpoint and nothing else."""

from django.urls import path

from ingest.api.views import DeviceEndpoint

urlpatterns = [
    path("device_endpoint", DeviceEndpoint.as_view()),
    path("device_endpoint/", DeviceEndpoint.as_view()),
]

handler404 = "ingest.api.responses.not_found"
handler400 = "ingest.api.responses.not_found"
handler500 = "ingest.api.responses.internal_error"
