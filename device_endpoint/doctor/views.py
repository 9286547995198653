"""The doctor's findings as a page of the admin, for superusers."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from device_endpoint.doctor import run_all


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Look, and show what was found: it takes a second or two."""
    if not getattr(request.user, "is_superuser", False):
        raise PermissionDenied
    context = admin.site.each_context(request) | {"title": "Doctor", "findings": run_all()}
    return render(request, "admin/device_endpoint/doctor.html", context)
