"""The limits of the device door, as it publishes them."""

from __future__ import annotations

from django.conf import settings

from ingest.accepted_times import time_window


def published_limits() -> dict[str, int]:
    """Return what a device may send; times are epoch milliseconds. Quotas only where there are."""
    window = time_window()
    quotas = {
        "certificates_per_identity": settings.MAX_CERTIFICATES_PER_IDENTITY,
        "bytes_per_identity_and_day": settings.IDENTITY_DAILY_QUOTA_BYTES,
    }
    return {
        "request_bytes": settings.MAX_REQUEST_BYTES,
        "files": settings.MAX_FILES_PER_REQUEST,
        "lines_per_file": settings.MAX_LINES_PER_FILE,
        "earliest_ms": window.earliest_ms,
        "latest_ms": window.latest_ms,
        "requests_per_second": settings.REQUESTS_PER_SECOND,
        "connections": settings.MAX_CONNECTIONS_PER_IP,
        "refused_registrations_per_minute": (
            settings.REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE
        ),
        "refused_registrations_per_minute_and_address": (
            settings.REGISTRATION_FAILURES_PER_MINUTE_PER_IP
        ),
        **{name: quota for name, quota in quotas.items() if quota},
    }
