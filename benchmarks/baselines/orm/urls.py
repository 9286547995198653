"""The address of the reference that uses the ORM."""

from django.urls import path

from benchmarks.baselines.orm.views import UploadView

urlpatterns = [path("device_endpoint", UploadView.as_view())]
