"""Compare the summaries of hours with the samples of these hours, and those of days with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ingest.maintenance import compaction
from ingest.maintenance.day_rollup import SeriesDay, compute_day
from ingest.storage import summary_store
from ingest.storage.blocks import Block, merge
from ingest.storage.day_summaries import HOURS, DaySummary
from ingest.storage.hour_summaries import HourSummary, summarise_hour
from ingest.storage.value_sketch import CodedSketch

# Sums of doubles may differ in their last digits from one processor to the next.
_RELATIVE_TOLERANCE = 1e-9
LAST_DAY = 2**31 // HOURS
_ROUNDED = {"mean", "m2", "bin_means"}


@dataclass(frozen=True, slots=True)
class StoredSummaries:
    """The summaries of a range of hours, and the hours in which a block is not compacted."""

    by_hour: dict[int, HourSummary]
    open_hours: set[int]

    def faults(self, hour: int, blocks: Sequence[Block]) -> Iterator[str]:
        """Yield how the summary of an hour differs from its blocks, one or more valid ones."""
        summary = self.by_hour.get(hour)
        if hour in self.open_hours:
            return  # readers read the samples until the next compaction
        if summary is None:
            if len(blocks) < compaction.MAX_BLOCKS_AT_ONCE:
                yield "the hour is compacted and has no summary"
        else:
            differing = _compare(summary, _summarise(hour, blocks))
            if differing:
                yield f"the summary is wrong: {', '.join(differing)}"


def load_summaries(identity_id: int, name: str, first_hour: int, last_hour: int) -> StoredSummaries:
    """Read the summaries from ``first_hour`` to ``last_hour``, to be called in a snapshot."""
    found = summary_store.read_summaries(identity_id, name, first_hour, last_hour)
    open_hours = summary_store.find_open_hours(identity_id, name, first_hour, last_hour)
    return StoredSummaries({summary.hour: summary for summary in found}, open_hours)


def find_wrong_days(identity_id: int, name: str) -> Iterator[tuple[int, str]]:
    """Yield the first hour of each day whose summary differs from those of its hours, and how."""
    for stored in summary_store.read_days(identity_id, name, 0, LAST_DAY):
        expected = compute_day(SeriesDay(identity_id, name, stored.day))
        if expected is None:
            yield stored.day * HOURS, "the summary of the day is of other hours"
            continue
        differing = _compare_exactly(stored, expected)
        if differing:
            yield stored.day * HOURS, f"the summary of the day is wrong: {', '.join(differing)}"


def _compare_exactly(stored: DaySummary, expected: DaySummary) -> list[str]:
    return [
        field.name
        for field in fields(DaySummary)
        if not _is_equal(getattr(stored, field.name), getattr(expected, field.name), None)
    ]


def _summarise(hour: int, blocks: Sequence[Block]) -> HourSummary:
    merged = merge(blocks)
    offsets = np.concatenate([block.offsets_us for block in merged])
    return summarise_hour(hour, offsets, np.concatenate([block.values for block in merged]))


def _compare(stored: HourSummary, expected: HourSummary) -> list[str]:
    """Return the names of the members that differ."""
    scale = max(abs(expected.minimum), abs(expected.maximum))
    return [
        field.name
        for field in fields(HourSummary)
        if not _is_equal(
            getattr(stored, field.name),
            getattr(expected, field.name),
            scale if field.name in _ROUNDED else None,
        )
    ]


def _is_equal(stored: Any, expected: Any, scale: float | None) -> bool:
    if stored is None or expected is None:
        return stored is expected
    if isinstance(expected, CodedSketch):
        return (stored.first, stored.is_exact) == (
            expected.first,
            expected.is_exact,
        ) and np.array_equal(stored.numbers, expected.numbers)
    if scale is None:
        return bool(np.array_equal(stored, expected))
    tolerance = _RELATIVE_TOLERANCE * scale
    return bool(np.allclose(stored, expected, rtol=_RELATIVE_TOLERANCE, atol=tolerance))
