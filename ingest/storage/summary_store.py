"""Summaries of hours and days in PostgreSQL: write, delete and read them.

Whatever writes or deletes them holds the lock of the series, in the transaction that changes the
blocks. The summary of a day goes with that of any of its hours, until ``write_day`` makes it anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import psycopg
from django.db import connection

from ingest.storage import pg_arrays
from ingest.storage.day_summaries import HOURS, ROW, SKETCH_NUMBER, DaySummary
from ingest.storage.hour_summaries import HourSummary
from ingest.storage.pg_arrays import Float8Array, Int2Array, Int4Array
from ingest.storage.value_sketch import CodedSketch

COLUMNS = (
    "hour, sample_count, covered_ms, first_offset_ms, last_offset_ms, step_us, gap_from_ms, "
    "gap_to_ms, minimum, maximum, mean, m2, bin_samples, bin_covered_ms, bin_means, "
    "sketch_is_exact, sketch_first, sketch"
)
_NAMES = COLUMNS.split(", ")
_WRITE = f"""
INSERT INTO ingest_hoursummary (identity_id, name, {COLUMNS})
VALUES (%s, %s, {", ".join(["%s"] * len(_NAMES))})
ON CONFLICT (identity_id, name, hour) DO UPDATE
SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _NAMES[1:])}
"""  # noqa: S608 - names of columns
_DELETE = """
DELETE FROM ingest_hoursummary
WHERE identity_id = %s AND name = %s AND hour BETWEEN %s AND %s
  AND (%s::int[] IS NULL OR hour = ANY(%s::int[]))
"""
_DELETE_DAYS = """
DELETE FROM ingest_daysummary
WHERE identity_id = %s AND name = %s AND day BETWEEN %s AND %s
  AND (%s::int[] IS NULL OR day = ANY(%s::int[]))
"""
DAY_COLUMNS = "day, hours, sketch_is_exact, sketch_first, sketch"
_WRITE_DAY = f"""
INSERT INTO ingest_daysummary (identity_id, name, {DAY_COLUMNS})
VALUES (%s, %s, {", ".join(["%s"] * len(DAY_COLUMNS.split(", ")))})
"""  # noqa: S608 - names of columns
# A day with a block that is not compacted is read by its hours.
IS_CLOSED = """
NOT EXISTS (
    SELECT 1 FROM ingest_sampleblock b
    WHERE b.identity_id = d.identity_id AND b.name = d.name AND NOT b.compacted
      AND b.hour BETWEEN d.day * 24 AND d.day * 24 + 23)
"""
_READ_DAYS = f"""
SELECT {DAY_COLUMNS} FROM ingest_daysummary d
WHERE d.identity_id = %s AND d.name = %s AND d.day BETWEEN %s AND %s AND {IS_CLOSED}
ORDER BY d.day
"""  # noqa: S608 - names of columns
_READ = f"""
SELECT {COLUMNS} FROM ingest_hoursummary s
WHERE s.identity_id = %s AND s.name = %s AND s.hour BETWEEN %s AND %s ORDER BY s.hour
"""  # noqa: S608 - names of columns
_OPEN_HOURS = """
SELECT DISTINCT b.hour FROM ingest_sampleblock b
WHERE b.identity_id = %s AND b.name = %s AND b.hour BETWEEN %s AND %s AND NOT b.compacted
"""
_WITHOUT_BLOCKS = """
SELECT s.hour FROM ingest_hoursummary s
WHERE s.identity_id = %s AND s.name = %s AND NOT EXISTS (
    SELECT 1 FROM ingest_sampleblock b
    WHERE b.identity_id = s.identity_id AND b.name = s.name AND b.hour = s.hour)
ORDER BY s.hour
"""

_WITHOUT_SUMMARY = """
SELECT EXISTS (
    SELECT 1 FROM ingest_sampleblock b
    WHERE b.identity_id = %s AND b.name = %s AND b.hour BETWEEN %s AND %s AND NOT EXISTS (
        SELECT 1 FROM ingest_hoursummary s
        WHERE s.identity_id = b.identity_id AND s.name = b.name AND s.hour = b.hour))
"""


def write_summaries(identity_id: int, name: str, summaries: Sequence[HourSummary]) -> None:
    """Store the summaries of hours of a series, in place of older ones."""
    if not summaries:
        return
    hours = [summary.hour for summary in summaries]
    delete_days(identity_id, name, min(hours), max(hours), hours)
    with _cursor() as cursor:  # in one pipeline, without waiting for each
        cursor.executemany(_WRITE, [[identity_id, name, *_to_row(each)] for each in summaries])


def _to_row(summary: HourSummary) -> tuple[object, ...]:
    sketch, means = summary.sketch, summary.bin_means
    return (
        summary.hour,
        summary.sample_count,
        summary.covered_ms,
        summary.first_offset_ms,
        summary.last_offset_ms,
        summary.step_us,
        summary.gap_from_ms,
        summary.gap_to_ms,
        summary.minimum,
        summary.maximum,
        summary.mean,
        summary.m2,
        Int4Array(summary.bin_samples),
        Int4Array(summary.bin_covered_ms),
        None if means is None else Float8Array(means),
        sketch is not None and sketch.is_exact,
        None if sketch is None else sketch.first,
        None if sketch is None else Int2Array(sketch.numbers),
    )


def delete_summaries(
    identity_id: int, name: str, hours: tuple[int, int], only: Collection[int] | None = None
) -> None:
    """Delete the summaries from the first to the last of ``hours``, with ``only`` those alone."""
    selected = None if only is None else list(only)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [identity_id, name, *hours, selected, selected])
    delete_days(identity_id, name, *hours, only)


def delete_days(
    identity_id: int,
    name: str,
    first_hour: int,
    last_hour: int,
    only: Collection[int] | None = None,
) -> None:
    """Delete the summaries of the days of these hours, with ``only`` of those hours alone."""
    selected = None if only is None else sorted({hour // HOURS for hour in only})
    days = first_hour // HOURS, last_hour // HOURS
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_DAYS, [identity_id, name, *days, selected, selected])


def read_summaries(
    identity_id: int, name: str, first_hour: int, last_hour: int
) -> list[HourSummary]:
    """Return the stored summaries of these hours, also those that newer blocks have outdated."""
    with connection.wrap_database_errors, _cursor() as cursor:
        cursor.execute(_READ, [identity_id, name, first_hour, last_hour], binary=True)
        return [decode_summary(row) for row in cursor.fetchall()]


def find_open_hours(identity_id: int, name: str, first_hour: int, last_hour: int) -> set[int]:
    """Return the hours with blocks that are not compacted: a summary of them is outdated."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_HOURS, [identity_id, name, first_hour, last_hour])
        return {hour for (hour,) in cursor.fetchall()}


def find_hours_without_blocks(identity_id: int, name: str) -> list[int]:
    """Return the hours that have a summary and no samples, which no command leaves."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_BLOCKS, [identity_id, name])
        return [hour for (hour,) in cursor.fetchall()]


def has_hours_without_summary(identity_id: int, name: str, first_hour: int, last_hour: int) -> bool:
    """Return whether an hour with samples has no summary: it is open, or has too many blocks."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_SUMMARY, [identity_id, name, first_hour, last_hour])
        return bool(cursor.fetchone()[0])


def decode_summary(row: Sequence[Any]) -> HourSummary:
    """Return the summary of a row of ``COLUMNS``, fetched with ``pg_arrays`` registered."""
    *columns, is_exact, first, numbers = row
    sketch = None if numbers is None else CodedSketch(first, numbers, is_exact)
    return HourSummary(*[*columns, sketch])


def write_day(identity_id: int, name: str, summary: DaySummary) -> None:
    """Store the summary of a day of a series, which has none."""
    sketch = summary.sketch
    numbers = sketch.numbers.astype(SKETCH_NUMBER).tobytes()
    rows = summary.rows.tobytes()
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_DAY,
            [identity_id, name, summary.day, rows, sketch.is_exact, sketch.first, numbers],
        )


def read_days(identity_id: int, name: str, first_day: int, last_day: int) -> list[DaySummary]:
    """Return the stored summaries of these days, but for those that newer blocks have outdated."""
    with connection.wrap_database_errors, _cursor() as cursor:
        cursor.execute(_READ_DAYS, [identity_id, name, first_day, last_day], binary=True)
        return [decode_day(row) for row in cursor.fetchall()]


def decode_day(row: Sequence[Any]) -> DaySummary:
    """Return the summary of a row of ``DAY_COLUMNS``, fetched in the binary format."""
    day, hours, is_exact, first, numbers = row
    sketch = CodedSketch(first, np.frombuffer(numbers, SKETCH_NUMBER), is_exact)
    return DaySummary(day, np.frombuffer(hours, ROW), sketch)


def _cursor() -> psycopg.Cursor[Any]:
    connection.ensure_connection()
    cursor: psycopg.Cursor[Any] = psycopg.Cursor(connection.connection)
    pg_arrays.register(cursor.adapters)
    return cursor
