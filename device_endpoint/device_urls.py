"""URLconf of the device API: one endpoint, and nginx's question about a body."""

from django.urls import path

from ingest.api.body_check import BodyCheck
from ingest.api.views import DeviceEndpoint

urlpatterns = [
    path("device_endpoint", DeviceEndpoint.as_view()),
    path("device_endpoint/", DeviceEndpoint.as_view()),
    path("body_check", BodyCheck.as_view()),  # nginx alone asks, 404 from outside
]

handler404 = "ingest.api.responses.not_found"
handler400 = "ingest.api.responses.not_found"
handler500 = "ingest.api.responses.internal_error"
