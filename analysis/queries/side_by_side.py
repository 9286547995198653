"""The columns of a measurement side by side: several series of one identity, joined by time.

A file ``acc`` with the columns x, y and z has the series ``acc.x``, ``acc.y`` and ``acc.z``. They
are read together in runs of bounded size, so memory depends neither on the range nor on the rate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np

from analysis.queries.samples import HOURS_PER_QUERY, SAMPLES_PER_RUN, fetch_rows, read_samples
from analysis.queries.series import (
    SERIES_NAME,
    Series,
    UnknownSeriesError,
    find_series,
    find_several_series,
    list_names,
)
from analysis.queries.statistics import SampleColumns, SampleTable, Times, Values, concatenate
from identities.models import IDENTITY_NAME
from identities.visibility import Scope
from ingest.measurement_types import find_columns
from ingest.parsing.column_names import COLUMN_NAME
from ingest.parsing.samples import US_PER_MS
from ingest.storage.blocks import HOUR_MS
from ingest.time_range import TimeRange

_HOUR_US = HOUR_MS * US_PER_MS
_HOURS = """
SELECT b.hour, sum(b.sample_count)::bigint FROM ingest_sampleblock b
WHERE b.identity_id = %(identity_id)s AND b.name = ANY(%(names)s)
AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s
GROUP BY b.hour ORDER BY b.hour LIMIT %(limit)s
"""


@dataclass(frozen=True)
class ColumnSet:
    """Series ``NAME.COLUMN`` of one identity; ``columns`` and ``series`` have the same order."""

    identity: str
    name: str
    columns: tuple[str, ...]
    series: tuple[Series, ...]

    @property
    def first_ms(self) -> int:
        return min(series.first_ms for series in self.series)

    @property
    def last_ms(self) -> int:
        return max(series.last_ms for series in self.series)

    @property
    def count(self) -> int:
        """Return the number of values of all columns."""
        return sum(series.count for series in self.series)


def find_column_set(
    identity: str, name: str, scope: Scope, columns: Sequence[str] | None = None
) -> ColumnSet:
    """Return the series of ``columns``, or of all columns of the measurement if it is None.

    All columns come in the order of the measurement type, then by number and name. Raises
    ``UnknownSeriesError``, also for a single column without samples.
    """
    if not re.fullmatch(IDENTITY_NAME, identity) or not re.fullmatch(SERIES_NAME, name):
        raise UnknownSeriesError(identity, name)
    wanted = list_columns(identity, name, scope) if columns is None else columns
    if not wanted:
        remark = " that has columns: ask for it without `columns`, or see the list of series"
        raise UnknownSeriesError(identity, name, remark)
    found = find_several_series(identity, [f"{name}.{column}" for column in wanted], scope)
    return ColumnSet(found[0].identity, name, tuple(wanted), tuple(found))


def find_samples(
    identity: str,
    name: str,
    scope: Scope,
    columns: Sequence[str] | None = None,
    *,
    is_side_by_side: bool = False,
) -> Series | ColumnSet:
    """Return what an export reads; raise ``UnknownSeriesError``.

    With ``is_side_by_side`` these are ``columns`` of the measurement, all if None. Otherwise the
    series of exactly this name wins, and its columns are returned if there is none.
    """
    if is_side_by_side:
        return find_column_set(identity, name, scope, columns)
    try:
        return find_series(identity, name, scope)
    except UnknownSeriesError as error:
        with suppress(UnknownSeriesError):
            return find_column_set(identity, name, scope)
        raise error


def read_parts(
    found: Series | ColumnSet, wanted: TimeRange
) -> tuple[Iterator[SampleColumns] | Iterator[SampleTable], tuple[str, ...] | None]:
    """Return the samples in parts, and the names of the columns, None for one series."""
    if isinstance(found, Series):
        return read_samples(found, wanted), None
    return read_side_by_side(found, wanted), found.columns


def list_columns(identity: str, name: str, scope: Scope) -> list[str]:
    """Return the columns of a measurement, of which there is a sample."""
    prefix = f"{name}."
    columns = [found.removeprefix(prefix) for found in list_names(identity, prefix, scope)]
    order = {column: place for place, column in enumerate(find_columns(name))} if columns else {}

    def rank(column: str) -> tuple[int, int, str]:
        number = int(column) if column.isdecimal() else -1
        return order.get(column, len(order)), number, column

    return sorted(filter(re.compile(COLUMN_NAME).fullmatch, columns), key=rank)


def read_side_by_side(columns: ColumnSet, wanted: TimeRange) -> Iterator[SampleTable]:
    """Yield the samples in ``wanted``, ascending, in parts that are never empty."""
    start_us, end_us = wanted.within_us(columns.first_ms, columns.last_ms)
    for run in _plan_runs(columns, start_us, end_us):
        samples = [concatenate(list(read_samples(series, run))) for series in columns.series]
        table = join_columns([(each.time_us, each.value) for each in samples])
        if len(table):
            yield table


def join_columns(columns: Sequence[tuple[Times, Values]]) -> SampleTable:
    """Return a row for each time of any column; a value is NaN where a column has no sample."""
    first = columns[0][0]
    if all(np.array_equal(times, first) for times, _ in columns):
        return SampleTable(first, tuple(values for _, values in columns))
    every = reduce(np.union1d, (times for times, _ in columns))
    joined = []
    for times, values in columns:
        column = np.full(len(every), np.nan)
        column[np.searchsorted(every, times)] = values
        joined.append(column)
    return SampleTable(every, tuple(joined))


def _plan_runs(columns: ColumnSet, start: int, end: int) -> Iterator[TimeRange]:
    """Yield ranges of about ``SAMPLES_PER_RUN`` values at most; a dense hour is divided.

    ``start`` and ``end`` are epoch microseconds.
    """
    hour, last_hour = start // _HOUR_US, (end - 1) // _HOUR_US
    while hour <= last_hour:
        rows = fetch_rows(_HOURS, _parameters(columns, hour, last_hour))
        run_start, run_samples = hour, 0
        for row_hour, count in rows:
            if run_samples and run_samples + count > SAMPLES_PER_RUN:
                yield _clip(run_start * _HOUR_US, row_hour * _HOUR_US, start, end)
                run_start, run_samples = row_hour, 0
            if count > SAMPLES_PER_RUN:
                parts = -(-count // SAMPLES_PER_RUN)
                edges = [
                    row_hour * _HOUR_US + _HOUR_US * part // parts for part in range(parts + 1)
                ]
                for left, right in pairwise(edges):
                    yield _clip(left, right, start, end)
                run_start = row_hour + 1
            else:
                run_samples += count
        if run_samples:
            yield _clip(run_start * _HOUR_US, (rows[-1][0] + 1) * _HOUR_US, start, end)
        if len(rows) < HOURS_PER_QUERY:
            return
        hour = rows[-1][0] + 1


def _clip(left: int, right: int, start: int, end: int) -> TimeRange:
    return TimeRange.of_microseconds(max(left, start), max(min(right, end), left, start))


def _parameters(columns: ColumnSet, hour: int, last_hour: int) -> dict[str, object]:
    return {
        "identity_id": columns.series[0].identity_id,
        "names": [series.name for series in columns.series],
        "first_hour": hour,
        "last_hour": last_hour,
        "limit": HOURS_PER_QUERY,
    }
