"""The staff door: admin, read API, health, metrics. No device endpoint."""

from django.contrib import admin
from django.urls import include, path

from device_endpoint import health
from device_endpoint.doctor.page import page as doctor_page
from device_endpoint.monitoring.view import metrics

urlpatterns = [
    path("admin/second-factor/", include("identities.second_factor.urls")),
    path("admin/doctor/", admin.site.admin_view(doctor_page), name="doctor"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("ingest.read_api.urls")),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", metrics),
]
