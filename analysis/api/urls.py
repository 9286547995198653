"""URLs of the analysis API, below ``/api/v1/``."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from analysis.api.annotation_views import AnnotationListView
from analysis.api.archive_views import ArchiveView, IdentityArchiveView, OriginalsView
from analysis.api.change_views import ChangesView
from analysis.api.clinical_views import FhirView, OpenMhealthView
from analysis.api.day_views import DaysView
from analysis.api.index_views import DocumentationView, IndexView
from analysis.api.list_views import IdentityListView, MeasurementListView
from analysis.api.measurement_views import ContentView, MeasurementView
from analysis.api.series_views import (
    BucketsView,
    NotKeptView,
    SamplesView,
    SeriesListView,
    SeriesView,
)
from analysis.api.study_views import StudyListView
from analysis.api.summary_views import DictionaryView, SummaryView
from analysis.api.view_base import IgnoreAccept, UnknownPathView
from identities.audit.recorder import register_exports

app_name = "read_api"
_SERIES = "series/<str:identity>/<str:name>"
urlpatterns = [
    path("", IndexView.as_view(), name="index"),
    path("docs", DocumentationView.as_view(), name="docs"),
    path("identities", IdentityListView.as_view(), name="identities"),
    path(
        "identities/<str:identity>/archive",
        IdentityArchiveView.as_view(),
        name="identity_archive",
    ),
    path("measurements", MeasurementListView.as_view(), name="measurements"),
    path("series", SeriesListView.as_view(), name="series"),
    path(_SERIES, SeriesView.as_view(), name="one_series"),
    path(f"{_SERIES}/samples", SamplesView.as_view(), name="samples"),
    path(f"{_SERIES}/buckets", BucketsView.as_view(), name="buckets"),
    path(f"{_SERIES}/not-kept", NotKeptView.as_view(), name="not_kept"),
    path(f"{_SERIES}/summary", SummaryView.as_view(), name="summary"),
    path(f"{_SERIES}/days", DaysView.as_view(), name="days"),
    path(f"{_SERIES}/dictionary", DictionaryView.as_view(), name="dictionary"),
    path(f"{_SERIES}/fhir", FhirView.as_view(), name="fhir"),
    path(f"{_SERIES}/open-mhealth", OpenMhealthView.as_view(), name="open_mhealth"),
    path(f"{_SERIES}/originals", OriginalsView.as_view(), name="originals"),
    path("annotations", AnnotationListView.as_view(), name="annotations"),
    path("changes", ChangesView.as_view(), name="changes"),
    path("archive", ArchiveView.as_view(), name="archive"),
    path("studies", StudyListView.as_view(), name="studies"),
    path("measurements/<uuid:id>", MeasurementView.as_view(), name="measurement"),
    path("measurements/<uuid:id>/content", ContentView.as_view(), name="content"),
    # The OpenAPI document is public: it needs no token.
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

EXPORTS = (
    "annotations", "archive", "content", "fhir", "identity_archive", "open_mhealth", "originals",
    "samples",
)  # fmt: skip
register_exports(*(f"{app_name}:{name}" for name in EXPORTS))
