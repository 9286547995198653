"""Addresses below ``/admin/second-factor/``."""

from django.urls import path

from identities.mfa import views

app_name = "second_factor"
urlpatterns = [
    path("", views.enrol, name="enrol"),
    path("check/", views.check, name="check"),
    path("remove/", views.remove, name="remove"),
]
