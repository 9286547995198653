"""The limits of the device door: as published, and as the readers want them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from django.conf import settings

from ingest.measurements import TimeWindow


def published_limits() -> dict[str, int]:
    """Return what a device may send; times are epoch milliseconds."""
    window = time_window()
    return {
        "request_bytes": settings.MAX_REQUEST_BYTES,
        "files": settings.MAX_FILES,
        "lines_per_file": settings.MAX_LINES_PER_FILE,
        "earliest_ms": window.earliest_ms,
        "latest_ms": window.latest_ms,
        "requests_per_second": settings.REQUESTS_PER_SECOND,
        "connections": settings.CONNECTIONS_PER_ADDRESS,
        "refused_registrations_per_minute": settings.REFUSALS_PER_CERTIFICATE,
        "refused_registrations_per_minute_and_address": settings.REFUSALS_PER_ADDRESS,
    }


def time_window() -> TimeWindow:
    """Return the timestamps that are believed now."""
    now_ms = time.time_ns() // 1_000_000
    return TimeWindow(_earliest_ms, now_ms + settings.LATEST_SAMPLE_AHEAD_S * 1000)


_earliest_ms = int(
    datetime.fromisoformat(settings.EARLIEST_SAMPLE).replace(tzinfo=UTC).timestamp() * 1000
)
