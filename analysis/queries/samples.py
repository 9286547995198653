"""Read samples and buckets of a series back, ascending, in little memory.

Samples are read in runs of whole hours, each by one statement, found by key: no transaction is
held open while a slow reader takes its time, and a block that is merged or rewritten meanwhile
is never read half. An hour holds at most 3.6 million samples, which bounds the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg

from analysis.queries.buckets import (
    Buckets,
    choose_width,
    join,
    summarise,
)
from analysis.queries.read_database import connection
from analysis.queries.sample_columns import SampleColumns
from analysis.queries.series import Series
from ingest.storage import pg_arrays
from ingest.storage.blocks import HOUR_MS, Block
from ingest.storage.timestamp_encoding import unpack
from ingest.time_range import TimeRange

SAMPLES_PER_RUN = 250_000
HOURS_PER_LOOK_AHEAD = 2_000


def read_samples(series: Series, wanted: TimeRange) -> Iterator[SampleColumns]:
    """Yield the samples of ``series`` in ``wanted``, ascending; no part is empty."""
    start, end = wanted.within(series.first_ms, series.last_ms)
    for run in _runs_of_hours(series, start, end, width_ms=None):
        samples = _read_run(series, run, start, end, width_ms=None)
        if len(samples):
            yield samples


def read_buckets(series: Series, wanted: TimeRange, most: int) -> tuple[int, Buckets]:
    """Return the width in milliseconds and at most ``most`` buckets of the samples in ``wanted``.

    A block that lies inside one bucket and inside the range is counted by its summary, without
    being opened. At widths of an hour and more that is every block, but for those that an end
    of the range cuts through.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    width_ms = choose_width(start, end, most)
    parts = [_read_summaries(series, start, end, width_ms)]
    for run in _runs_of_hours(series, start, end, width_ms):
        samples = _read_run(series, run, start, end, width_ms)
        parts.append(summarise(samples.time_ms, samples.value, width_ms))
    return width_ms, join(parts)


# --- Statements ----------------------------------------------------------------------------

_IN_RANGE = """
b.identity_id = %(identity_id)s AND b.name = %(name)s
AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s
AND b.first_ms < %(to_ms)s AND b.last_ms >= %(from_ms)s
"""
# A block that its summary can stand for: inside one bucket and not cut by the range. A width
# of NULL asks for samples, for which no summary can stand.
_IS_WHOLE = """
coalesce(b.first_ms / %(width_ms)s::bigint = b.last_ms / %(width_ms)s::bigint
         AND b.first_ms >= %(from_ms)s AND b.last_ms < %(to_ms)s, false)
"""
_HOURS = f"""
SELECT b.hour, sum(b.sample_count)::bigint FROM ingest_sampleblock b
WHERE {_IN_RANGE} AND NOT {_IS_WHOLE} GROUP BY b.hour ORDER BY b.hour LIMIT %(limit)s
"""  # noqa: S608 - constants only
_BLOCKS = f"""
SELECT b.hour, b.encoding, b.offsets_ms, b."values" FROM ingest_sampleblock b
WHERE {_IN_RANGE} AND NOT {_IS_WHOLE} ORDER BY b.hour, b.first_ms
"""  # noqa: S608 - constants only
_SUMMARIES = f"""
SELECT b.first_ms / %(width_ms)s::bigint * %(width_ms)s::bigint, min(b.minimum), max(b.maximum),
       sum(b.total), sum(b.sample_count)::bigint
FROM ingest_sampleblock b WHERE {_IN_RANGE} AND {_IS_WHOLE} GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - constants only


def _runs_of_hours(
    series: Series, start: int, end: int, width_ms: int | None
) -> Iterator[tuple[int, int]]:
    """Yield (first hour, last hour) of runs that hold about ``SAMPLES_PER_RUN`` samples each."""
    hour = start // HOUR_MS
    last_hour = (end - 1) // HOUR_MS
    while hour <= last_hour:
        parameters = _parameters(series, (hour, last_hour), start, end, width_ms)
        found = fetch(_HOURS, {**parameters, "limit": HOURS_PER_LOOK_AHEAD})
        run_start, held = hour, 0
        for found_hour, count in found:
            if held and held + count > SAMPLES_PER_RUN:
                yield run_start, found_hour - 1
                run_start, held = found_hour, 0
            held += count
        if held:
            yield run_start, found[-1][0]
        if len(found) < HOURS_PER_LOOK_AHEAD:
            return
        hour = found[-1][0] + 1


def _read_run(
    series: Series, hours: tuple[int, int], start: int, end: int, width_ms: int | None
) -> SampleColumns:
    parameters = _parameters(series, hours, start, end, width_ms)
    blocks = [to_block(row) for row in fetch(_BLOCKS, parameters)]
    if not blocks:
        return SampleColumns(np.empty(0, np.int64), np.empty(0, np.float64))
    times = np.concatenate([block.times for block in blocks])
    values = np.concatenate([block.values for block in blocks])
    if not np.all(times[1:] > times[:-1]):  # blocks of one hour may interleave
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
    if times[0] < start or times[-1] >= end:
        inside = slice(*np.searchsorted(times, [start, end]))
        times, values = times[inside], values[inside]
    return SampleColumns(times, values)


def _read_summaries(series: Series, start: int, end: int, width_ms: int) -> Buckets:
    hours = (start // HOUR_MS, (end - 1) // HOUR_MS)
    rows = fetch(_SUMMARIES, _parameters(series, hours, start, end, width_ms))
    if not rows:
        return join([])
    times, minima, maxima, totals, counts = zip(*rows, strict=True)
    return Buckets(
        time_ms=np.array(times, np.int64),
        minimum=np.array(minima, np.float64),
        maximum=np.array(maxima, np.float64),
        total=np.array(totals, np.float64),
        count=np.array(counts, np.int64),
    )


def _parameters(
    series: Series, hours: tuple[int, int], start: int, end: int, width_ms: int | None
) -> dict[str, object]:
    return {
        "identity_id": series.identity_id,
        "name": series.name,
        "first_hour": hours[0],
        "last_hour": hours[1],
        "from_ms": start,
        "to_ms": end,
        "width_ms": width_ms,
    }


def to_block(row: tuple[Any, ...]) -> Block:
    """Return the block of a row (hour, encoding, offsets_ms, values)."""
    hour, encoding, stored, values = row
    return Block(hour, unpack(encoding, stored, len(values)), values)


def fetch(statement: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
    """Return the rows of ``statement``; columns that are arrays come as numpy's."""
    connection.ensure_connection()
    # Django's own cursor fetches text; numpy's arrays come from PostgreSQL's binary form.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        pg_arrays.register(cursor.adapters)
        cursor.execute(statement, parameters, binary=True)
        return cursor.fetchall()
