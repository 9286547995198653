"""Overlay the samples of an upload on the stored blocks of their hours."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ingest.storage import block_store
from ingest.storage.blocks import Block, Overlay, split_into_blocks
from ingest.storage.overlap_budget import OverlapBudget
from ingest.storage.prepared_files import PreparedSeries


def overlay_series(
    identity_id: int, series: Sequence[PreparedSeries], budget: OverlapBudget
) -> tuple[list[PreparedSeries], list[list[NDArray[np.int64]]]]:
    """Overlay the series of a file on their stored blocks, and rewrite those.

    Return the series with only the samples to add, and for each the times (epoch microseconds)
    whose values changed, a block each. To be called in a transaction that holds the locks of the
    series. Raises ``OverlapTooLarge`` and ``HourNotCompacted``.
    """
    overlays = {
        each.name: Overlay([], each.samples.times, each.samples.values, 0, 0) for each in series
    }
    changes: dict[str, list[NDArray[np.int64]]] = {name: [] for name in overlays}
    samples = {each.name: each.samples for each in series}
    for stored in block_store.overlapping(identity_id, samples, budget):
        blocks_of: dict[str, list[tuple[uuid.UUID, Block]]] = {}
        for name, block_id, block in stored:
            blocks_of.setdefault(name, []).append((block_id, block))
        rewritten = []
        for name, blocks in blocks_of.items():
            step = overlays[name].proceed([block for _, block in blocks])
            for index, block in step.rewritten:
                block_id, before = blocks[index]
                rewritten.append((block_id, block))
                changes[name].append(block.times[block.values != before.values])
            overlays[name] = step
        block_store.rewrite(identity_id, rewritten)
    left = []
    for each in series:
        overlay = overlays[each.name]
        added = list(split_into_blocks(overlay.times, overlay.values))
        left.append(replace(each, overlay=replace(overlay, rewritten=[]), blocks=added))
    return left, list(changes.values())
