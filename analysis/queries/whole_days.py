"""Whole UTC days of a series by their summaries, and the hours that these leave to be read."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.queries.samples import fetch_rows
from analysis.queries.series import Series
from ingest.storage.day_summaries import DAY_MS, HOURS, DaySummary
from ingest.storage.summary_store import DAY_COLUMNS, IS_CLOSED, decode_day

# More spans of hours than these are read by one statement that leaves out the days between them.
MAX_SPANS = 8

_DAYS = f"""
SELECT {DAY_COLUMNS} FROM ingest_daysummary d
WHERE d.identity_id = %(identity_id)s AND d.name = %(name)s
  AND d.day BETWEEN %(first_day)s AND %(last_day)s AND {IS_CLOSED}
ORDER BY d.day
"""  # noqa: S608 - constants only


def read_days(series: Series, start_ms: int, end_ms: int) -> list[DaySummary]:
    """Return the summaries of days inside the range that have one up to date, ascending."""
    first_day, last_day = -(-start_ms // DAY_MS), end_ms // DAY_MS - 1
    if first_day > last_day:
        return []
    parameters: dict[str, object] = {
        "identity_id": series.identity_id,
        "name": series.name,
        "first_day": first_day,
        "last_day": last_day,
    }
    return [decode_day(row) for row in fetch_rows(_DAYS, parameters)]


def list_spans(first_hour: int, last_hour: int, days: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last hours of the spans that ascending ``days`` leave of a range.

    If these are many, the range as a whole: whoever reads it leaves out ``days``.
    """
    spans = list_gaps(first_hour, last_hour, days)
    return spans if len(spans) <= MAX_SPANS else [(first_hour, last_hour)]


def list_gaps(first_hour: int, last_hour: int, days: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last hours of all spans that ascending ``days`` leave of a range."""
    spans = []
    start = first_hour
    for day in days:
        if start < day * HOURS:
            spans.append((start, day * HOURS - 1))
        start = (day + 1) * HOURS
    if start <= last_hour:
        spans.append((start, last_hour))
    return spans
