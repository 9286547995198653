"""Samples and daily counts of a series, read in bounded memory.

Samples are read in runs of whole hours, one statement each. No transaction stays open while a
slow client reads, and a block that is merged or rewritten in the meantime is seen before or after
the change, never half of it. An hour holds at most 3.6 million samples, which bounds the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg

from analysis.queries.read_database import connection
from analysis.queries.series import Series
from analysis.queries.statistics import SampleColumns, concatenate
from ingest.parsing.samples import US_PER_MS
from ingest.storage import pg_arrays
from ingest.storage.blocks import HOUR_MS
from ingest.storage.stored_blocks import COLUMNS, StoredBlock
from ingest.time_range import TimeRange

SAMPLES_PER_RUN = 250_000
HOURS_PER_QUERY = 2_000
# The first run is short, so that a download begins at once.
SAMPLES_OF_FIRST_RUN = 20_000
HOURS_OF_FIRST_QUERY = 24
HOURS_PER_DAY = 24


def read_samples(series: Series, wanted: TimeRange) -> Iterator[SampleColumns]:
    """Yield the samples of ``series`` in ``wanted``, ascending, in parts that are never empty."""
    ends = wanted.within_us(series.first_ms, series.last_ms)
    for run in _plan_runs(series, ends[0] // US_PER_MS, -(-ends[1] // US_PER_MS)):
        samples = _read_run(series, run, *ends)
        if len(samples):
            yield samples


def count_samples_by_day(series: Series, first_day: int, days: int) -> dict[int, int]:
    """Return the number of samples of each UTC day that has any; days count from 1970-01-01.

    Every block lies inside one day, so summaries suffice.
    """
    first_hour = first_day * HOURS_PER_DAY
    last_hour = first_hour + days * HOURS_PER_DAY - 1
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, [series.identity_id, series.name, first_hour, last_hour])
        return dict(cursor.fetchall())


def estimate_count(series: Series, wanted: TimeRange) -> int:
    """Return about how many samples of ``series`` are in ``wanted``, from the ends of blocks."""
    start, end = wanted.within(series.first_ms, series.last_ms)
    hours = start // HOUR_MS, (end - 1) // HOUR_MS
    ((count,),) = fetch_rows(_COUNT, _parameters(series, hours, start, end))
    return round(count or 0)


# --- Statements ----------------------------------------------------------------------------

_IN_RANGE = """
b.identity_id = %(identity_id)s AND b.name = %(name)s
AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s
AND b.first_ms < %(to_ms)s AND b.last_ms >= %(from_ms)s
"""
_HOURS = f"""
SELECT b.hour, sum(b.sample_count)::bigint FROM ingest_sampleblock b
WHERE {_IN_RANGE} GROUP BY b.hour ORDER BY b.hour LIMIT %(limit)s
"""  # noqa: S608 - constants only
_COUNT = f"""
SELECT sum(b.sample_count * (
    least(b.last_ms, %(to_ms)s - 1) - greatest(b.first_ms, %(from_ms)s) + 1
) / (b.last_ms - b.first_ms + 1.0))::float8 FROM ingest_sampleblock b WHERE {_IN_RANGE}
"""  # noqa: S608 - constants only
_BLOCKS = f"""
SELECT {COLUMNS} FROM ingest_sampleblock b
WHERE {_IN_RANGE} ORDER BY b.hour, b.first_ms
"""  # noqa: S608 - constants only
_DAYS = """
SELECT b.hour / 24, sum(b.sample_count)::bigint FROM ingest_sampleblock b
WHERE b.identity_id = %s AND b.name = %s AND b.hour BETWEEN %s AND %s GROUP BY 1
"""


def _plan_runs(series: Series, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (first hour, last hour) of runs of at most ``SAMPLES_PER_RUN`` samples, or one hour."""
    hour = start // HOUR_MS
    last_hour = (end - 1) // HOUR_MS
    most, limit = SAMPLES_OF_FIRST_RUN, HOURS_OF_FIRST_QUERY
    while hour <= last_hour:
        parameters = _parameters(series, (hour, last_hour), start, end)
        rows = fetch_rows(_HOURS, {**parameters, "limit": limit})
        run_start, run_samples = hour, 0
        for row_hour, count in rows:
            if run_samples and run_samples + count > most:
                yield run_start, row_hour - 1
                run_start, run_samples = row_hour, 0
                most = SAMPLES_PER_RUN
            run_samples += count
        if run_samples:
            yield run_start, rows[-1][0]
        if len(rows) < limit:
            return
        hour, most, limit = rows[-1][0] + 1, SAMPLES_PER_RUN, HOURS_PER_QUERY


def _read_run(series: Series, hours: tuple[int, int], start_us: int, end_us: int) -> SampleColumns:
    parameters = _parameters(series, hours, start_us // US_PER_MS, -(-end_us // US_PER_MS))
    samples = concatenate([decode_columns(row) for row in fetch_rows(_BLOCKS, parameters)])
    if not len(samples):
        return samples
    times, values = samples.time_us, samples.value
    if not np.all(times[1:] > times[:-1]):  # blocks of one hour may overlap in time
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
    if times[0] < start_us or times[-1] >= end_us:
        inside = slice(*np.searchsorted(times, [start_us, end_us]))
        times, values = times[inside], values[inside]
    return SampleColumns(times, values)


def _parameters(series: Series, hours: tuple[int, int], start: int, end: int) -> dict[str, object]:
    return {
        "identity_id": series.identity_id,
        "name": series.name,
        "first_hour": hours[0],
        "last_hour": hours[1],
        "from_ms": start,
        "to_ms": end,
    }


def decode_columns(row: tuple[Any, ...]) -> SampleColumns:
    """Return the samples of a row of ``stored_blocks.COLUMNS``."""
    block = StoredBlock(*row).decode()
    return SampleColumns(block.times, block.values)


def fetch_rows(statement: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
    """Return the rows of ``statement``, with array columns as numpy arrays."""
    connection.ensure_connection()
    # Django's cursor fetches text; numpy arrays are loaded from PostgreSQL's binary format.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        pg_arrays.register(cursor.adapters)
        cursor.execute(statement, parameters, binary=True)
        return cursor.fetchall()
