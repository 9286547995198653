"""Keys that lie about unused and device certificates that end soon."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from device_endpoint.doctor.results import Finding, ok, warn
from identities.models import PreSharedKey
from ingest.models import DeviceCertificate

UNUSED_FOR = timedelta(days=30)
ENDS_WITHIN = timedelta(days=30)


def run() -> list[Finding]:
    """Return the findings on keys and on certificates."""
    return [_keys(), _certificates()]


def _keys() -> Finding:
    old = timezone.now() - UNUSED_FOR
    number = PreSharedKey.objects.usable().filter(uses=0, created_at__lt=old).count()
    if number:
        text = f"{number} usable and unused for more than {UNUSED_FOR.days} days"
        return warn("keys", text, "revoke those that nobody waits for (/admin/)")
    return ok("keys", "none lies about unused")


def _certificates() -> Finding:
    now = timezone.now()
    live = DeviceCertificate.objects.filter(
        state=DeviceCertificate.State.ACTIVE, identity__is_active=True
    )
    ending = live.filter(not_after__gt=now, not_after__lt=now + ENDS_WITHIN)
    # A device that has another certificate for longer has been looked after.
    number = ending.exclude(identity__certificates__not_after__gt=now + ENDS_WITHIN).count()
    if number:
        text = f"{number} end within {ENDS_WITHIN.days} days"
        return warn("device certificates", text, "let these devices register with a new one")
    return ok("device certificates", "none ends soon")
