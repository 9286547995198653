"""Diagnose a running installation: what is in order, what needs attention, what is wrong.

One module per kind of check; each has ``run()``, which returns findings. Nothing is changed: the
services receive only requests without side effects.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.core import checks
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from device_endpoint.doctor import database, endpoints, filesystem, header_spoofing
from device_endpoint.doctor.results import Finding, fail, ok, warn


def run_all() -> list[Finding]:
    """Return the findings of every check, in the order in which to fix them."""
    findings = [*check_settings(), *filesystem.run(), *database.run()]
    if not any(finding.name == "database" and finding.level == "FAIL" for finding in findings):
        findings += database.check_credentials()
    return [*findings, *endpoints.run(), *header_spoofing.run()]


def check_settings() -> list[Finding]:
    """Return the warnings and errors of ``manage.py check --deploy``, or that there are none."""
    messages = checks.run_checks(include_deployment_checks=True)
    relevant = [
        message
        for message in messages
        if not message.is_silenced() and message.level >= checks.WARNING
    ]
    findings = [_describe(message) for message in relevant] or [ok("settings", "no warnings")]
    if settings.DEBUG:
        findings.append(fail("debug", "DEBUG is on: error pages show settings", "set DEBUG off"))
    return findings


def _describe(message: checks.CheckMessage) -> Finding:
    make = fail if message.level >= checks.ERROR else warn
    return make(f"settings {message.id}", message.msg, message.hint or "see manage.py check")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Run all checks and show the findings to a superuser. Takes a second or two."""
    if not getattr(request.user, "is_superuser", False):
        raise PermissionDenied
    context = admin.site.each_context(request) | {"title": _("Doctor"), "findings": run_all()}
    return render(request, "admin/device_endpoint/doctor.html", context)
