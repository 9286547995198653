"""Summaries of UTC days: those of their hours side by side, and one sketch of all values. Pure.

Statistics and charts of long ranges read one row a day instead of 24. Every number comes out as it
does from the hours: the columns are copies, and counts in fixed bins add up in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.storage.blocks import HOUR_MS
from ingest.storage.hour_summaries import HourSummary
from ingest.storage.value_sketch import (
    MIN_SAMPLES,
    CodedSketch,
    decode_sketches,
    encode_sketch,
    merge_sketches,
    sketch_any,
)

HOURS = 24
DAY_MS = HOURS * HOUR_MS
# A day of fewer samples is read by its hours: the row would be large for what it holds.
MIN_DAY_SAMPLES = HOURS * MIN_SAMPLES
MAX_DAY_BINS = 16_384

# An hour as ``HourSummary`` has it; a single sample has the step 0 and a gap from itself to itself.
ROW = np.dtype(
    [
        ("hour", "<i4"),
        ("sample_count", "<i4"),
        ("covered_ms", "<i4"),
        ("first_offset_ms", "<i4"),
        ("last_offset_ms", "<i4"),
        ("gap_from_ms", "<i4"),
        ("gap_to_ms", "<i4"),
        ("step_us", "<i8"),
        ("minimum", "<f8"),
        ("maximum", "<f8"),
        ("mean", "<f8"),
        ("m2", "<f8"),
    ]
)
Rows = NDArray[np.void]
SKETCH_NUMBER = np.dtype("<i2")


@dataclass(frozen=True, slots=True)
class DaySummary:
    """The hours of one UTC day that have samples; ``day`` counts from 1970-01-01.

    ``rows`` has a ``ROW`` for each of them, ascending. ``sketch`` counts all values of the day,
    also those of hours that have no sketch of their own.
    """

    day: int
    rows: Rows
    sketch: CodedSketch


def make_rows(hours: Iterable[HourSummary]) -> Rows:
    """Return a ``ROW`` for each of ``hours``."""
    return np.array([_make_row(hour) for hour in hours], ROW)


def _make_row(hour: HourSummary) -> tuple[float, ...]:
    gap_from, gap_to = hour.gap_from_ms, hour.gap_to_ms
    if gap_from is None or gap_to is None:
        gap_from = gap_to = hour.first_offset_ms
    return (
        hour.hour,
        hour.sample_count,
        hour.covered_ms,
        hour.first_offset_ms,
        hour.last_offset_ms,
        gap_from,
        gap_to,
        hour.step_us or 0,
        hour.minimum,
        hour.maximum,
        hour.mean,
        hour.m2,
    )


def concatenate_rows(parts: Sequence[Rows]) -> Rows:
    """Return all rows of ``parts``; numpy would first look for a common type of each two."""
    return np.frombuffer(b"".join(part.tobytes() for part in parts), ROW)


def summarise_day(
    hours: Sequence[HourSummary], unsketched: Sequence[NDArray[np.float64]]
) -> DaySummary | None:
    """Return the summary of the day of ``hours``, ascending; None if it is better read by hours.

    ``unsketched`` are the values of those hours that have no sketch.
    """
    if sum(hour.sample_count for hour in hours) < MIN_DAY_SAMPLES:
        return None
    coded = [hour.sketch for hour in hours if hour.sketch is not None]
    sketches = [decode_sketches(coded)] if coded else []
    sketch = merge_sketches([*sketches, *map(sketch_any, unsketched)])
    if len(sketch.bins) > MAX_DAY_BINS:
        return None
    return DaySummary(hours[0].hour // HOURS, make_rows(hours), encode_sketch(sketch))
