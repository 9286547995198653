"""The time that the samples of many identities cover, day by day, under one measurement name.

The hours come from the summaries of UTC days, which hold those of 24 hours in one row, and outside
of such days from summaries of their own. Hours that a day's end divides, in zones with half hours,
are added up from their 5-minute bins, and hours that are not compacted yet from the times of their
samples. A compacted hour that has no summary, since it has 4,096 blocks or more, is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.queries.hour_parts import HourPart
from analysis.queries.range_statistics import RangeStatistics, covered_by_hour
from analysis.queries.read_database import read_snapshot
from analysis.queries.samples import fetch_rows
from analysis.queries.series_interval import FIRST_HOURS
from analysis.queries.whole_days import list_gaps
from ingest.measurement_types import Kind
from ingest.parsing.samples import US_PER_MS
from ingest.storage.blocks import HOUR_MS, HOUR_US
from ingest.storage.day_summaries import DAY_MS, HOURS, ROW
from ingest.storage.hour_summaries import (
    BIN_MS,
    BINS,
    HourSummary,
    find_lower_median,
    summarise_hour,
)
from ingest.storage.pg_arrays import decode_int4_rows
from ingest.storage.timestamp_encoding import unpack

MAX_OPEN_BLOCKS = 300_000
# The summaries of their days in memory at a time: those of 90 days are 7 MB.
IDENTITIES_PER_READ = 50
_Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Coverage:
    """Arrays with a row for each identity and a column for each day.

    ``is_complete`` is False if more blocks wait for compaction than are read: those hours lack.
    """

    samples: npt.NDArray[np.int64]
    covered_ms: npt.NDArray[np.float64]
    is_complete: bool


# The median of the first hours' median steps, weighted by samples; where each of these hours has
# one sample, the median time from one to the next.
_FIRST = f"""
SELECT s.step_us, s.sample_count, s.hour * 3600000::bigint + s.first_offset_ms AS first_ms
FROM ingest_hoursummary s
WHERE s.identity_id = i.identity_id AND s.name = i.name ORDER BY s.hour LIMIT {FIRST_HOURS}
"""  # noqa: S608 - constants only
# From the series, whose rows a cluster keeps beside the summaries.
_INTERVALS = f"""
SELECT i.identity_id, coalesce(
    (SELECT m.step_us / 1000.0 FROM (
        SELECT f.step_us, sum(f.sample_count) OVER (ORDER BY f.step_us) AS reached,
               sum(f.sample_count) OVER () AS total
        FROM ({_FIRST}) AS f WHERE f.step_us IS NOT NULL
     ) AS m WHERE m.reached >= m.total / 2.0 ORDER BY m.step_us LIMIT 1),
    (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY d.step_ms) FROM (
        SELECT f.first_ms - lag(f.first_ms) OVER (ORDER BY f.first_ms) AS step_ms
        FROM ({_FIRST}) AS f
     ) AS d WHERE d.step_ms IS NOT NULL))::float8
FROM ingest_series i WHERE i.identity_id = ANY(%(ids)s) AND i.name = %(name)s
"""  # noqa: S608 - constants only
_OPEN = """
open AS MATERIALIZED (
    SELECT DISTINCT b.identity_id, b.hour FROM ingest_sampleblock b
    WHERE b.identity_id = ANY(%(ids)s) AND b.name = %(name)s
      AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s AND NOT b.compacted
)
"""
_CLOSED_DAYS = f"""
WITH {_OPEN}
SELECT d.identity_id, d.day, d.hours FROM ingest_daysummary d
LEFT JOIN (SELECT DISTINCT o.identity_id, o.hour / {HOURS} AS day FROM open o) AS n
  ON n.identity_id = d.identity_id AND n.day = d.day
WHERE d.identity_id = ANY(%(ids)s) AND d.name = %(name)s
  AND d.day BETWEEN %(first_day)s AND %(last_day)s AND n.day IS NULL
"""  # noqa: S608 - constants only
# As ``covered_by_hour`` has it: the database adds up, since these may be a million hours.
_HOURS = f"""
WITH {_OPEN}
SELECT s.identity_id, width_bucket(s.hour, %(starts)s::int[]) - 1, sum(s.sample_count)::bigint,
       sum(CASE WHEN s.sample_count = 1 THEN coalesce(i.interval_ms, 0)
                WHEN s.sample_count >= 64 AND NOT %(is_expected)s THEN s.covered_ms
                ELSE least(s.covered_ms, s.sample_count * coalesce(i.interval_ms, 0)) END)::float8
FROM unnest(%(span_ids)s::bigint[], %(span_intervals)s::float8[], %(span_starts)s::int[],
            %(span_ends)s::int[]) AS i(id, interval_ms, first_hour, last_hour)
JOIN ingest_hoursummary s
  ON s.identity_id = i.id AND s.name = %(name)s AND s.hour BETWEEN i.first_hour AND i.last_hour
LEFT JOIN open o ON o.identity_id = s.identity_id AND o.hour = s.hour
WHERE o.hour IS NULL AND s.hour <> ALL(%(divided)s::int[])
GROUP BY 1, 2
"""  # noqa: S608 - constants only
_DIVIDED = f"""
WITH {_OPEN}
SELECT s.identity_id, array_agg(s.hour ORDER BY s.hour),
       string_agg(array_send(s.bin_samples), '' ORDER BY s.hour),
       string_agg(array_send(s.bin_covered_ms), '' ORDER BY s.hour)
FROM ingest_hoursummary s
LEFT JOIN open o ON o.identity_id = s.identity_id AND o.hour = s.hour
WHERE s.identity_id = ANY(%(ids)s) AND s.name = %(name)s AND s.hour = ANY(%(divided)s::int[])
  AND o.hour IS NULL
GROUP BY s.identity_id
"""  # noqa: S608 - constants only
_OPEN_BLOCKS = f"""
WITH {_OPEN}
SELECT b.identity_id, b.hour, b.first_ms, b.encoding, b.offsets, b.time_steps, b.sample_count
FROM open o
JOIN ingest_sampleblock b ON b.identity_id = o.identity_id AND b.name = %(name)s AND b.hour = o.hour
ORDER BY b.identity_id, b.hour LIMIT %(limit)s
"""  # noqa: S608 - constants only


# Of hours or parts of them: row and column in ``Coverage``, samples, covered milliseconds.
_Hours = tuple[_Integers, _Integers, _Integers, _Integers]


def read_coverage(
    identity_ids: Sequence[int], name: str, kind: Kind, edges_ms: Sequence[int]
) -> Coverage:
    """Return the coverage of the days between successive ``edges_ms``, starts of local days."""
    shape = len(identity_ids), len(edges_ms) - 1
    samples, covered_ms = np.zeros(shape, np.int64), np.zeros(shape)
    blocks = 0
    for start in range(0, len(identity_ids), IDENTITIES_PER_READ):
        some = slice(start, start + IDENTITIES_PER_READ)
        parameters: dict[str, Any] = {
            "ids": list(identity_ids[some]),
            "name": name,
            "first_hour": edges_ms[0] // HOUR_MS,
            "last_hour": (edges_ms[-1] - 1) // HOUR_MS,
            "first_day": -(-edges_ms[0] // DAY_MS),
            "last_day": edges_ms[-1] // DAY_MS - 1,
            "starts": [-(-edge // HOUR_MS) for edge in edges_ms[:-1]],
            "divided": [edge // HOUR_MS for edge in edges_ms if edge % HOUR_MS],
            "limit": max(0, MAX_OPEN_BLOCKS - blocks) + 1,
            "is_expected": kind.expected_interval_ms is not None,
        }
        with read_snapshot():
            samples[some], covered_ms[some], read = _read_some(parameters, kind, edges_ms)
        blocks += read
    np.minimum(covered_ms, np.diff(edges_ms), out=covered_ms)
    return Coverage(samples, covered_ms, is_complete=blocks <= MAX_OPEN_BLOCKS)


def _read_some(
    parameters: dict[str, Any], kind: Kind, edges_ms: Sequence[int]
) -> tuple[_Integers, npt.NDArray[np.float64], int]:
    """Return the arrays of ``Coverage`` for some identities, and the number of blocks read."""
    blocks = fetch_rows(_OPEN_BLOCKS, parameters)
    open_hours = list(_summarise_open(blocks[: parameters["limit"] - 1]))
    intervals = _find_intervals(parameters, kind, open_hours)
    days = fetch_rows(_CLOSED_DAYS, parameters)
    parameters |= _list_spans(days, parameters, intervals)
    shape = len(parameters["ids"]), len(parameters["starts"])
    samples, covered_ms = np.zeros(shape, np.int64), np.zeros(shape)
    rows = {number: row for row, number in enumerate(parameters["ids"])}
    for number, column, count, covered in fetch_rows(_HOURS, parameters):
        samples[rows[number], column] += count
        covered_ms[rows[number], column] += covered
    interval_ms = np.array([intervals.get(number) or 0.0 for number in parameters["ids"]])
    parts = _list_parts(parameters, open_hours, rows, edges_ms)
    for row, day, counts, covers in (_list_hours(days, rows, parameters), parts):
        stands_for = covered_by_hour(
            counts, covers, interval_ms[row], is_expected=parameters["is_expected"]
        )
        place = row * shape[1] + day
        samples += np.bincount(place, counts, samples.size).astype(np.int64).reshape(shape)
        covered_ms += np.bincount(place, stands_for, samples.size).reshape(shape)
    return samples, covered_ms, len(blocks)


def _list_hours(
    days: list[tuple[Any, ...]], rows: dict[int, int], parameters: dict[str, Any]
) -> _Hours:
    """Return the undivided hours of ``days``: identity, UTC day and the bytes of its rows."""
    hours = np.frombuffer(b"".join(each for _, _, each in days), ROW)
    lengths = np.array([len(each) // ROW.itemsize for _, _, each in days], np.int64)
    row = np.repeat(np.array([rows[number] for number, _, _ in days], np.int64), lengths)
    column = np.searchsorted(parameters["starts"], hours["hour"], side="right") - 1
    chosen = (column >= 0) & ~np.isin(hours["hour"], parameters["divided"])
    count, covered_ms = hours["sample_count"][chosen], hours["covered_ms"][chosen]
    return row[chosen], column[chosen], count, covered_ms


def _list_parts(
    parameters: dict[str, Any],
    open_hours: list[tuple[int, HourSummary]],
    rows: dict[int, int],
    edges_ms: Sequence[int],
) -> _Hours:
    """Return the parts in each day of the hours that are open or divided by a day's end.

    A 5-minute bin lies in one day: offsets from UTC are multiples of a quarter of an hour.
    """
    found = [
        ([number], [each.hour], each.bin_samples[None], each.bin_covered_ms[None])
        for number, each in open_hours
    ]
    if parameters["divided"]:
        for number, hours, *bins in fetch_rows(_DIVIDED, parameters):
            some = (decode_int4_rows(each, BINS) for each in bins)
            found.append(([number] * len(hours), hours, *some))
    if not found:
        empty = np.empty(0, np.int64)
        return empty, empty, empty, empty
    row, hour, *bins = (np.concatenate(each) for each in zip(*found, strict=True))
    row = np.array([rows[number] for number in row.tolist()])
    start = hour.astype(np.int64) * HOUR_MS
    edges = np.array([*edges_ms, edges_ms[-1] + 2 * HOUR_MS])
    first = np.searchsorted(edges, start, side="right") - 1
    is_first = np.arange(BINS) < ((edges[first + 1] - start) // BIN_MS)[:, None]
    day = np.concatenate([first, first + 1])
    counts, covers = (
        np.concatenate([(each * is_first).sum(axis=1), (each * ~is_first).sum(axis=1)])
        for each in bins
    )
    chosen = (counts > 0) & (day >= 0) & (day < len(edges_ms) - 1)
    covers = np.minimum(covers, HOUR_MS)
    return np.tile(row, 2)[chosen], day[chosen], counts[chosen], covers[chosen]


def _list_spans(
    days: list[tuple[Any, ...]], parameters: dict[str, Any], intervals: dict[int, float | None]
) -> dict[str, list[Any]]:
    """Return the spans of hours that ``days`` leave of the range, of all identities."""
    found: dict[int, list[int]] = {number: [] for number in parameters["ids"]}
    for number, day, _ in days:
        found[number].append(day)
    spans = [
        (number, intervals.get(number), start, end)
        for number, of_one in found.items()
        for start, end in list_gaps(
            parameters["first_hour"], parameters["last_hour"], sorted(of_one)
        )
    ]
    names = ("span_ids", "span_intervals", "span_starts", "span_ends")
    return {name: [span[place] for span in spans] for place, name in enumerate(names)}


def _summarise_open(blocks: list[tuple[Any, ...]]) -> Iterator[tuple[int, HourSummary]]:
    """Yield the summary of each hour, but for what depends on its values."""
    for (number, hour), group in groupby(blocks, key=itemgetter(0, 1)):
        parts = [
            unpack(encoding, steps if offsets is None else offsets, count, first - hour * HOUR_MS)
            for _, _, first, encoding, offsets, steps, count in group
        ]
        offsets_us = np.sort(np.concatenate(parts))
        yield number, summarise_hour(hour, offsets_us, np.zeros(len(offsets_us)))


def _find_intervals(
    parameters: dict[str, Any], kind: Kind, open_hours: list[tuple[int, HourSummary]]
) -> dict[int, float | None]:
    """Return the sampling interval of each identity in milliseconds."""
    if kind.expected_interval_ms is not None:
        return dict.fromkeys(parameters["ids"], kind.expected_interval_ms)
    intervals: dict[int, float | None] = dict(fetch_rows(_INTERVALS, parameters))
    for number, hours in groupby(open_hours, key=itemgetter(0)):
        if intervals.get(number) is None:  # no hour is compacted yet
            intervals[number] = _measure_interval([summary for _, summary in hours])
    return intervals


def _measure_interval(summaries: list[HourSummary]) -> float | None:
    found = RangeStatistics()
    for summary in summaries:
        found.add(HourPart(summary))
    step_us = found.interval_us()
    if step_us is None:  # one sample in each hour
        step_us = find_lower_median(
            np.diff([each.hour * HOUR_US + each.first_offset_ms * US_PER_MS for each in summaries])
        )
    return None if step_us is None else step_us / US_PER_MS
