"""The settings: what ``manage.py check --deploy`` says of them."""

from __future__ import annotations

from django.conf import settings
from django.core import checks

from device_endpoint.doctor.results import (
    Finding,
    fail,
    ok,
    warn,
)


def run() -> list[Finding]:
    """Return a finding for each complaint about the settings, or that there is none."""
    found = checks.run_checks(include_deployment_checks=True)
    told = [one for one in found if not one.is_silenced() and one.level >= checks.WARNING]
    findings = [_finding(one) for one in told] or [ok("settings", "no complaint")]
    if settings.DEBUG:
        findings.append(fail("debug", "DEBUG is on: errors show settings", "set DEBUG off"))
    return findings


def _finding(message: checks.CheckMessage) -> Finding:
    make = fail if message.level >= checks.ERROR else warn
    return make(f"settings {message.id}", message.msg, message.hint or "see manage.py check")
