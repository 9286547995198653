"""The device door: one endpoint and nothing else."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
