"""Unused pre-shared keys and expiring device certificates."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from device_endpoint.doctor.results import Finding, ok, warn
from identities.models import PreSharedKey
from ingest.models import DeviceCertificate
from ingest.models.certificates import EXPIRES_SOON

UNUSED_FOR = timedelta(days=30)


def run() -> list[Finding]:
    return [_check_keys(), _check_certificates()]


def _check_keys() -> Finding:
    created_before = timezone.now() - UNUSED_FOR
    count = PreSharedKey.objects.usable().filter(uses=0, created_at__lt=created_before).count()
    if count:
        text = f"{count} usable and unused for more than {UNUSED_FOR.days} days"
        return warn("keys", text, "revoke those that no device will use (/admin/)")
    return ok("keys", "none unused for long")


def _check_certificates() -> Finding:
    now = timezone.now()
    expiring = DeviceCertificate.objects.filter(
        state=DeviceCertificate.State.ACTIVE,
        identity__is_active=True,
        not_after__gt=now,
        not_after__lt=now + EXPIRES_SOON,
    )
    # Not reported if the identity has another certificate that is valid for longer.
    count = expiring.exclude(identity__certificates__not_after__gt=now + EXPIRES_SOON).count()
    if count:
        text = f"{count} expire within {EXPIRES_SOON.days} days"
        return warn("device certificates", text, "let these devices register with a new one")
    return ok("device certificates", "none expires soon")
