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
    path("series/<str:identity>/<str:name>/samples", SamplesView.as_view(), name="samples"),
    path("series/<str:identity>/<str:name>/buckets", BucketsView.as_view(), name="buckets"),
    path("series/<str:identity>/<str:name>/not-kept", NotKeptView.as_view(), name="not_kept"),
    path("series/<str:identity>/<str:name>", SeriesView.as_view(), name="one_series"),
    path("series/<str:identity>/<str:name>/summary", SummaryView.as_view(), name="summary"),
    path("series/<str:identity>/<str:name>/days", DaysView.as_view(), name="days"),
    path(
        "series/<str:identity>/<str:name>/dictionary", DictionaryView.as_view(), name="dictionary"
    ),
    path("series/<str:identity>/<str:name>/fhir", FhirView.as_view(), name="fhir"),
    path(
        "series/<str:identity>/<str:name>/open-mhealth",
        OpenMhealthView.as_view(),
        name="open_mhealth",
    ),
    path("series/<str:identity>/<str:name>/originals", OriginalsView.as_view(), name="originals"),
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
