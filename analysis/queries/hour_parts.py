"""Hours of a series, each as its summary or, where that does not suffice, as its samples.

An hour is read from its samples where an edge of the wanted ranges divides it, where it is not
compacted yet, and where its summary has no sketch: hours of few samples, or of too many different
values. The numbers are the same either way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.queries.samples import decode_columns, fetch_rows
from analysis.queries.series import Series
from analysis.queries.statistics import SampleColumns, concatenate
from analysis.queries.whole_days import list_spans
from ingest.parsing.samples import US_PER_MS
from ingest.storage import stored_blocks
from ingest.storage.blocks import HOUR_MS, HOUR_US
from ingest.storage.hour_summaries import (
    BIN_US,
    HourSummary,
    compute_bin_means,
    share_time,
    summarise_hour,
)
from ingest.storage.summary_store import COLUMNS, decode_summary

HOURS_PER_QUERY = 2_000
SAMPLES_PER_READ = 250_000  # more only if one hour holds more


@dataclass(frozen=True)
class HourPart:
    """All samples of a series in one hour, or in the part of it between two edges.

    ``samples`` is None unless they were read.
    """

    summary: HourSummary
    samples: SampleColumns | None = None

    @property
    def bin_means(self) -> npt.NDArray[np.float64]:
        """Return the means of the twelve 5-minute bins, 0 where there is no sample."""
        if self.summary.bin_means is not None:
            return self.summary.bin_means
        if self.samples is None:
            raise AssertionError("an hour of few samples is read")
        bins = self.samples.time_us % HOUR_US // BIN_US
        return compute_bin_means(bins, self.summary.bin_samples, self.samples.value)


# One statement, so that a compaction between two does not hide an hour.
_HOURS_FORM = """
WITH present AS (
    SELECT DISTINCT b.hour FROM ingest_sampleblock b
    WHERE b.identity_id = %(identity_id)s AND b.name = %(name)s
      AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s
      AND b.hour / 24 <> ALL(%(without_days)s::int[])
    ORDER BY b.hour LIMIT %(limit)s
),
open AS (
    SELECT DISTINCT b.hour FROM ingest_sampleblock b
    WHERE b.identity_id = %(identity_id)s AND b.name = %(name)s
      AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s AND NOT b.compacted
)
SELECT p.hour, {columns}
FROM present p
LEFT JOIN ingest_hoursummary s
  ON s.identity_id = %(identity_id)s AND s.name = %(name)s AND s.hour = p.hour
 AND NOT EXISTS (SELECT 1 FROM open o WHERE o.hour = p.hour)
ORDER BY p.hour
"""
_HOURS = _HOURS_FORM.format(columns=", ".join(f"s.{name}" for name in COLUMNS.split(", ")))
_HOURS_WITHOUT_BINS = _HOURS_FORM.format(
    columns=", ".join(
        "NULL" if name.startswith("bin_") else f"s.{name}" for name in COLUMNS.split(", ")
    )
)
_COUNT = """
SELECT sum(b.sample_count)::bigint FROM ingest_sampleblock b
WHERE b.identity_id = %(identity_id)s AND b.name = %(name)s
  AND b.hour BETWEEN %(first_hour)s AND %(last_hour)s
"""
_COUNTS = """
SELECT b.hour, sum(b.sample_count)::bigint FROM ingest_sampleblock b
WHERE b.identity_id = %(identity_id)s AND b.name = %(name)s AND b.hour = ANY(%(hours)s)
GROUP BY b.hour ORDER BY b.hour
"""
_BLOCKS = f"""
SELECT {stored_blocks.COLUMNS} FROM ingest_sampleblock b
WHERE b.identity_id = %(identity_id)s AND b.name = %(name)s AND b.hour = ANY(%(hours)s)
ORDER BY b.hour, b.first_ms
"""  # noqa: S608 - names of columns


def read_parts(
    series: Series,
    edges_ms: Sequence[int],
    *,
    with_bins: bool = True,
    without_days: Sequence[int] = (),
) -> Iterator[tuple[int, HourPart]]:
    """Yield the hours with samples between the first and the last of ``edges_ms``, ascending.

    With each comes the number of the range between two successive edges in which it lies; an hour
    that an edge divides comes in parts. Without ``with_bins`` summaries lack their 5-minute bins.
    The hours of ``without_days``, UTC days in ascending order, are left out.
    """
    first_hour, last_hour = edges_ms[0] // HOUR_MS, (edges_ms[-1] - 1) // HOUR_MS
    for span in list_spans(first_hour, last_hour, without_days):
        yield from _read_span(series, span, edges_ms, with_bins, without_days)


def _read_span(
    series: Series,
    span: tuple[int, int],
    edges_ms: Sequence[int],
    with_bins: bool,
    without_days: Sequence[int],
) -> Iterator[tuple[int, HourPart]]:
    first_hour, last_hour = span
    divided = {edge // HOUR_MS for edge in edges_ms if edge % HOUR_MS}
    while first_hour <= last_hour:
        found = _read_summaries(series, first_hour, last_hour, with_bins, without_days)
        unread = {hour for hour, summary in found if _must_read(summary) or hour in divided}
        samples_by_hour = read_hour_samples(series, sorted(unread))
        for hour, summary in found:
            if hour in unread:
                samples = next(samples_by_hour)
                yield from _divide(hour, None if hour in divided else summary, samples, edges_ms)
            elif summary is not None:
                yield bisect_right(edges_ms, hour * HOUR_MS) - 1, HourPart(summary)
        if len(found) < HOURS_PER_QUERY:
            return
        first_hour = found[-1][0] + 1


def read_hours(series: Series, hours: Sequence[int]) -> Iterator[HourPart]:
    """Yield those of ascending ``hours`` that hold samples."""
    for hour in hours:
        for _, part in read_parts(series, [hour * HOUR_MS, (hour + 1) * HOUR_MS]):
            yield part


def count_samples(series: Series, start_ms: int, end_ms: int) -> int:
    """Return the number of samples in all hours with a part in the range, whole hours counted."""
    if start_ms >= end_ms:
        return 0
    parameters = _parameters(series, start_ms // HOUR_MS, (end_ms - 1) // HOUR_MS)
    return int(fetch_rows(_COUNT, parameters)[0][0] or 0)


def _must_read(summary: HourSummary | None) -> bool:
    return summary is None or summary.sketch is None


def _read_summaries(
    series: Series,
    first_hour: int,
    last_hour: int,
    with_bins: bool,
    without_days: Sequence[int],
) -> list[tuple[int, HourSummary | None]]:
    """Return the hours with samples, each with its summary if that is up to date."""
    statement = _HOURS if with_bins else _HOURS_WITHOUT_BINS
    parameters = _parameters(series, first_hour, last_hour) | {"without_days": list(without_days)}
    rows = fetch_rows(statement, parameters)
    return [
        (hour, None if columns[0] is None else decode_summary(columns)) for hour, *columns in rows
    ]


def read_hour_samples(series: Series, hours: list[int]) -> Iterator[SampleColumns]:
    """Yield the samples of each of ``hours``; none where they were deleted in the meantime."""
    counts = dict(fetch_rows(_COUNTS, {**_parameters(series, 0, 0), "hours": hours}))
    batch: list[int] = []
    size = 0
    for hour in hours:
        if batch and size + counts.get(hour, 0) > SAMPLES_PER_READ:
            yield from _read_batch(series, batch)
            batch, size = [], 0
        batch.append(hour)
        size += counts.get(hour, 0)
    yield from _read_batch(series, batch)


def _read_batch(series: Series, hours: list[int]) -> Iterator[SampleColumns]:
    rows = fetch_rows(_BLOCKS, {**_parameters(series, 0, 0), "hours": hours}) if hours else []
    found = {hour: list(blocks) for hour, blocks in groupby(rows, itemgetter(0))}
    for hour in hours:
        samples = concatenate([decode_columns(row) for row in found.get(hour, [])])
        times = samples.time_us
        if not np.all(times[1:] > times[:-1]):  # blocks of one hour may overlap in time
            order = np.argsort(times, kind="stable")
            samples = SampleColumns(times[order], samples.value[order])
        yield samples


def _divide(
    hour: int, summary: HourSummary | None, samples: SampleColumns, edges_ms: Sequence[int]
) -> Iterator[tuple[int, HourPart]]:
    """Yield the parts of an hour between the edges; ``summary`` is that of an undivided hour."""
    first = max(0, bisect_right(edges_ms, hour * HOUR_MS) - 1)
    last = bisect_right(edges_ms, (hour + 1) * HOUR_MS - 1)
    edges_us = np.array(edges_ms[first : last + 1], np.int64) * US_PER_MS
    offsets_us = samples.time_us - hour * HOUR_US
    shares_us = share_time(offsets_us) if len(offsets_us) else offsets_us
    cuts = np.searchsorted(samples.time_us, edges_us).tolist()
    for number, (start, end) in enumerate(pairwise(cuts), first):
        if start == end:
            continue
        part = SampleColumns(samples.time_us[start:end], samples.value[start:end])
        if summary is None or summary.sample_count != len(part):
            inside = slice(start, end)
            summary = summarise_hour(hour, offsets_us[inside], part.value, shares_us[inside])
        yield number, HourPart(summary, part)
        summary = None


def _parameters(series: Series, first_hour: int, last_hour: int) -> dict[str, Any]:
    return {
        "identity_id": series.identity_id,
        "name": series.name,
        "first_hour": first_hour,
        "last_hour": last_hour,
        "limit": HOURS_PER_QUERY,
    }
