"""Merge the blocks of whole hours of one series, and summarise the hours.

To be called in a transaction that holds the lock of the series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ingest.maintenance import block_rewrite
from ingest.maintenance.block_rewrite import BlockRow
from ingest.storage import summary_store
from ingest.storage.blocks import HOUR_US, Block, merge
from ingest.storage.hour_summaries import HourSummary, summarise_hour


@dataclass(slots=True)
class Compacted:
    """What a run did; ``busy`` and ``damaged`` count hours that are left to be compacted.

    An hour is damaged if two of its blocks have the same timestamp, or one has no samples.
    ``verify`` reports such hours and ``rebuild`` rebuilds them.
    """

    hours: int = 0
    blocks_before: int = 0
    blocks_after: int = 0
    samples: int = 0
    busy: int = 0
    damaged: int = 0

    def add(self, other: Compacted) -> None:
        """Add the counts of ``other``."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)

    def as_json(self) -> dict[str, int]:
        return asdict(self)


def merge_hours(identity_id: int, name: str, hours: Sequence[int]) -> Compacted:
    """Merge, compress and summarise all blocks of each of ``hours``; leave damaged hours alone."""
    rows: dict[int, list[BlockRow]] = {hour: [] for hour in hours}
    for row in block_rewrite.read_hours(identity_id, name, hours):
        rows[row.stored.hour].append(row)
    merged = {hour: merge_rows(rows[hour]) for hour in hours}
    sound = {hour: blocks for hour, blocks in merged.items() if blocks is not None}
    old = [row for hour in sound for row in rows[hour]]
    new = [block for blocks in sound.values() for block in blocks]
    block_rewrite.replace_blocks(identity_id, name, old, new, is_compacted=True)
    summaries = [summarise(blocks) for blocks in sound.values() if blocks]
    summary_store.write_summaries(identity_id, name, summaries)
    if without_samples := [hour for hour, blocks in sound.items() if not blocks]:
        summary_store.delete_summaries(identity_id, name, (hours[0], hours[-1]), without_samples)
    return Compacted(
        hours=len(sound),
        blocks_before=len(old),
        blocks_after=len(new),
        samples=sum(len(block.values) for block in new),
        damaged=len(hours) - len(sound),
    )


def summarise(blocks: Sequence[Block]) -> HourSummary:
    """Return the summary of an hour whose merged ``blocks`` are given, one or more."""
    offsets = np.concatenate([block.offsets_us for block in blocks])
    return summarise_hour(
        blocks[0].hour, offsets, np.concatenate([block.values for block in blocks])
    )


def merge_rows(rows: Sequence[BlockRow]) -> list[Block] | None:
    """Return the samples of ``rows`` in as few blocks as possible, None if one is damaged."""
    blocks = [row.block for row in rows if row.block is not None and _is_inside_hour(row.block)]
    if len(blocks) < len(rows):
        return None
    merged = merge(blocks) if blocks else []
    times = np.concatenate([block.times for block in merged]) if merged else np.empty(0, np.int64)
    return merged if bool((times[1:] > times[:-1]).all()) else None


def _is_inside_hour(block: Block) -> bool:
    return int(block.offsets_us.min()) >= 0 and int(block.offsets_us.max()) < HOUR_US
