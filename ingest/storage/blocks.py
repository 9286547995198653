"""Blocks of samples: split a file into blocks, and overlay it on stored blocks. Pure.

A block lies inside one UTC hour and holds at most 8,192 samples, sorted. No two blocks of a series
hold the same timestamp, so a file's sample at a stored timestamp replaces the value in place, and
only new timestamps become new blocks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.parsing.samples import FEW_SAMPLES, US_PER_MS

HOUR_MS = 3_600_000
HOUR_US = HOUR_MS * US_PER_MS
MAX_SAMPLES = 8_192
PLAIN_SUM = 8  # fewer values are added one after the other, by numpy too


@dataclass(frozen=True, slots=True)
class Block:
    """Samples of one UTC hour; ``hour`` counts from 1970-01-01T00:00Z.

    ``offsets_us`` is int64 microseconds from the hour's start, ascending; ``values`` is float64.
    """

    hour: int
    offsets_us: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def times(self) -> NDArray[np.int64]:
        """Return the timestamps, int64 epoch microseconds."""
        return self.offsets_us + self.hour * HOUR_US

    @property
    def first_ms(self) -> int:
        return self.hour * HOUR_MS + int(self.offsets_us[0]) // US_PER_MS

    @property
    def last_ms(self) -> int:
        return self.hour * HOUR_MS + int(self.offsets_us[-1]) // US_PER_MS

    @property
    def minimum(self) -> float:
        if len(self.values) <= FEW_SAMPLES:
            return float(min(self.values.tolist()))
        return float(self.values.min())

    @property
    def maximum(self) -> float:
        if len(self.values) <= FEW_SAMPLES:
            return float(max(self.values.tolist()))
        return float(self.values.max())

    @property
    def total(self) -> float:
        """Return the sum of the values: not finite where no double is so large."""
        if len(self.values) < PLAIN_SUM:
            total = -0.0  # as numpy begins: the sum of negative zeros is one
            for value in self.values.tolist():
                total += value
            return total
        with np.errstate(over="ignore", invalid="ignore"):
            return float(self.values.sum())


def split_into_blocks(times: NDArray[np.int64], values: NDArray[np.float64]) -> Iterator[Block]:
    """Yield the blocks of samples whose times are strictly ascending."""
    for start, end, hour in _hours(times):
        for begin in range(start, end, MAX_SAMPLES):
            stop = min(begin + MAX_SAMPLES, end)
            yield Block(hour, times[begin:stop] - hour * HOUR_US, values[begin:stop])


def _hours(times: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, hour) of each run of samples in one hour."""
    if not len(times):
        return
    first, last = int(times[0]) // HOUR_US, int(times[-1]) // HOUR_US
    if first == last:
        yield 0, len(times), first
        return
    hours = times // HOUR_US
    starts = np.concatenate(([0], np.flatnonzero(np.diff(hours)) + 1, [len(times)])).tolist()
    for start, end in itertools.pairwise(starts):
        yield start, end, int(hours[start])


@dataclass(frozen=True, slots=True)
class Overlay:
    """The effect of samples on a series: see ``overlay_samples``.

    ``times`` and ``values`` are the samples that are new to the blocks compared so far.
    """

    rewritten: list[tuple[int, Block]]  # index of the stored block, the block as it becomes
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    identical: int
    replaced: int

    @property
    def new(self) -> int:
        return len(self.times)

    def proceed(self, stored: Sequence[Block]) -> Overlay:
        """Return the effect on further blocks, its counts those of all blocks so far."""
        step = overlay_samples(stored, self.times, self.values)
        identical, replaced = self.identical + step.identical, self.replaced + step.replaced
        return Overlay(step.rewritten, step.times, step.values, identical, replaced)


def overlay_samples(
    stored: Sequence[Block], times: NDArray[np.int64], values: NDArray[np.float64]
) -> Overlay:
    """Return the changes to ``stored`` when samples of a later file are overlaid on them.

    ``times`` are strictly ascending. A sample with an absent timestamp is new; one with the stored
    value is identical; any other replaces.
    """
    is_new = np.ones(len(times), dtype=bool)
    rewritten: list[tuple[int, Block]] = []
    identical = replaced = 0
    for index, block in enumerate(stored):
        in_block, in_file = _find_common_times(block.times, times)
        if not len(in_block):
            continue
        is_new[in_file] = False
        old, latest = block.values[in_block], values[in_file]
        same = int((old == latest).sum())
        identical += same
        replaced += len(in_block) - same
        if same < len(in_block):
            changed = block.values.copy()
            changed[in_block] = latest
            rewritten.append((index, Block(block.hour, block.offsets_us, changed)))
    return Overlay(rewritten, times[is_new], values[is_new], identical, replaced)


def _find_common_times(
    block: NDArray[np.int64], file: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions, in each of two ascending arrays, of the times in both."""
    start = int(np.searchsorted(file, block[0], side="left"))
    end = int(np.searchsorted(file, block[-1], side="right"))
    _, in_block, in_file = np.intersect1d(
        block, file[start:end], assume_unique=True, return_indices=True
    )
    return in_block, in_file + start


def merge(blocks: Iterable[Block]) -> list[Block]:
    """Return the samples of one hour's ``blocks``, without common timestamps, in fewest blocks."""
    parts = list(blocks)
    times = np.concatenate([block.times for block in parts])
    values = np.concatenate([block.values for block in parts])
    order = np.argsort(times, kind="stable")
    return list(split_into_blocks(times[order], values[order]))
