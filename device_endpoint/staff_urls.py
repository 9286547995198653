"""URLs of the staff site: admin, analysis API, health, metrics. No device API."""

import importlib.util

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import JavaScriptCatalog

from analysis.admin.status_home import status_panels
from analysis.admin.study_download import study_download
from device_endpoint import health
from device_endpoint.doctor import page as doctor_page
from device_endpoint.metrics.views import metrics
from device_endpoint.status_panels import describe_installation
from identities.mfa import views as mfa

admin.autodiscover()
status_panels.makers.append(describe_installation)
mfa_patterns = [
    path("", mfa.setup, name="setup"),
    path("verify/", mfa.verify, name="verify"),
    path("remove/", mfa.remove, name="remove"),
]
oidc_patterns = []
if importlib.util.find_spec("authlib") is not None:  # requirements/oidc.txt
    from identities.oidc import views as oidc

    oidc_patterns = [
        path("", oidc.start, name="start"),
        path("callback/", oidc.callback, name="callback"),
    ]
SCRIPTS_OF = ["django.contrib.admin", "analysis", "identities", "ingest"]
handler500 = "device_endpoint.server_errors.answer_server_error"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/mfa/", include((mfa_patterns, "mfa"))),
    path("admin/oidc/", include((oidc_patterns, "oidc"))),
    path("admin/doctor/", admin.site.admin_view(doctor_page), name="doctor"),
    path(
        "admin/studies/<int:pk>/download/",
        admin.site.admin_view(study_download),
        name="study_download",
    ),
    # In place of the admin's own, which has no texts of our scripts.
    path(
        "admin/jsi18n/",
        admin.site.admin_view(JavaScriptCatalog.as_view(packages=SCRIPTS_OF), cacheable=True),
    ),
    path("admin/", admin.site.urls),
    path("api/v1/", include("analysis.api.urls")),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", metrics),
]
