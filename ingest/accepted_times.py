"""Which timestamps are believed: from a fixed day to a little ahead of this server's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from django.conf import settings

from ingest.parsing.sample_file import TimeWindow


def time_window() -> TimeWindow:
    """Return the timestamps that are believed now."""
    now_ms = time.time_ns() // 1_000_000
    return TimeWindow(_earliest_ms, now_ms + settings.MAX_CLOCK_SKEW_SECONDS * 1000)


_earliest_ms = int(
    datetime.fromisoformat(settings.MIN_SAMPLE_DATE).replace(tzinfo=UTC).timestamp() * 1000
)
