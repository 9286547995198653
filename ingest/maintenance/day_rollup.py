"""Write the summaries of days from those of their hours, as the last step of compaction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from ingest.maintenance import block_rewrite
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.storage import block_store, summary_store
from ingest.storage.day_summaries import HOURS, MIN_DAY_SAMPLES, DaySummary, summarise_day

# Of the last whole day also the series of which no hour was compacted in this run: those that
# stopped sending before it ended.
_WITHOUT_SUMMARY = """
SELECT s.identity_id, s.name
FROM ingest_series s
JOIN ingest_hoursummary h
  ON h.identity_id = s.identity_id AND h.name = s.name
 AND h.hour BETWEEN %(day)s * 24 AND %(day)s * 24 + 23
LEFT JOIN ingest_daysummary d
  ON d.identity_id = s.identity_id AND d.name = s.name AND d.day = %(day)s
WHERE d.day IS NULL AND (%(identity_id)s::bigint IS NULL OR s.identity_id = %(identity_id)s)
GROUP BY s.identity_id, s.name HAVING sum(h.sample_count) >= %(samples)s
"""


@dataclass(frozen=True, slots=True, order=True)
class SeriesDay:
    """One UTC day of one series; ``day`` counts from 1970-01-01."""

    identity_id: int
    name: str
    day: int


def find_without_summary(day: int, identity_id: int | None) -> list[SeriesDay]:
    """Return the series that have enough samples on ``day`` for a summary, and none."""
    given = {"day": day, "identity_id": identity_id, "samples": MIN_DAY_SAMPLES}
    with transaction_without_timeouts(), connection.cursor() as cursor:
        cursor.execute(_WITHOUT_SUMMARY, given)
        return [SeriesDay(number, name, day) for number, name in cursor.fetchall()]


def roll_up(series_day: SeriesDay) -> bool:
    """Write the summary of a day, unless one of its hours is not compacted.

    Return False, with nothing done, if the series is locked. Not to be called in a transaction.
    """
    identity_id, name, day = series_day.identity_id, series_day.name, series_day.day
    with transaction_without_timeouts():
        if not block_store.try_lock(identity_id, name):
            return False
        hours = day * HOURS, day * HOURS + HOURS - 1
        if summary_store.find_open_hours(identity_id, name, *hours):
            return True
        summary = compute_day(series_day)
        summary_store.delete_days(identity_id, name, *hours)
        if summary is not None:
            summary_store.write_day(identity_id, name, summary)
        return True


def compute_day(series_day: SeriesDay) -> DaySummary | None:
    """Return the summary of a day from those of its hours, None if it is to have none.

    A day with an hour that has samples and no summary has none: readers read its hours.
    """
    identity_id, name = series_day.identity_id, series_day.name
    first, last = series_day.day * HOURS, series_day.day * HOURS + HOURS - 1
    if summary_store.has_hours_without_summary(identity_id, name, first, last):
        return None
    hours = summary_store.read_summaries(identity_id, name, first, last)
    if sum(hour.sample_count for hour in hours) < MIN_DAY_SAMPLES:
        return None
    unsketched = [hour.hour for hour in hours if hour.sketch is None]
    return summarise_day(hours, [_read_values(identity_id, name, hour) for hour in unsketched])


def _read_values(identity_id: int, name: str, hour: int) -> NDArray[np.float64]:
    rows = block_rewrite.read_rows(identity_id, name, hour, hour)
    blocks = [row.block.values for row in rows if row.block is not None]
    return np.concatenate(blocks or [np.empty(0)])
