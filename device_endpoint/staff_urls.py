"""The staff door: admin, read API, health. No device endpoint."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
