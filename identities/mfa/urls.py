"""URLs below ``/admin/mfa/``."""

from django.urls import path

from identities.mfa import views

app_name = "mfa"
urlpatterns = [
    path("", views.setup, name="setup"),
    path("verify/", views.verify, name="verify"),
    path("remove/", views.remove, name="remove"),
]
