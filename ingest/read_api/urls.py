"""Addresses below ``/api/v1/``."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from ingest.read_api.base import IgnoreAccept, UnknownPathView
from ingest.read_api.measurement_views import ContentView, MeasurementView
from ingest.read_api.series_views import BucketsView, SamplesView, SeriesListView

app_name = "read_api"
urlpatterns = [
    path("series", SeriesListView.as_view(), name="series"),
    path("series/<str:identity>/<str:name>/samples", SamplesView.as_view(), name="samples"),
    path("series/<str:identity>/<str:name>/buckets", BucketsView.as_view(), name="buckets"),
    path("measurements/<uuid:id>", MeasurementView.as_view(), name="measurement"),
    path("measurements/<uuid:id>/content", ContentView.as_view(), name="content"),
    # What the API is like is no secret: the document opens without a token.
    path(
        "schema",
        SpectacularJSONAPIView.as_view(
            authentication_classes=[],
            permission_classes=[],
            content_negotiation_class=IgnoreAccept,
        ),
        name="schema",
    ),
    re_path("", UnknownPathView.as_view()),
]
