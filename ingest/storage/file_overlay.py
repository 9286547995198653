"""Overlay the files of a series in the order of arrival: the samples that it must hold. Pure.

The work is divided into runs of whole hours, so that memory does not grow with the series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.storage.blocks import HOUR_MS, HOUR_US

# Opening and reading a file costs as much as this many samples.
SAMPLES_A_FILE_COSTS = 100

_FOLD_SAMPLES = 1_000_000


class Hours(NamedTuple):
    """A run of hours, both ends included, counted from 1970-01-01T00:00Z."""

    first: int
    last: int

    @property
    def start_ms(self) -> int:
        return self.first * HOUR_MS

    @property
    def end_ms(self) -> int:
        """Return the first millisecond after the last hour."""
        return (self.last + 1) * HOUR_MS


class Span(NamedTuple):
    """A number of files or blocks, and of their samples, between two hours (both included)."""

    first_hour: int
    last_hour: int
    samples: int
    files: int


def plan_runs(spans: Iterable[Span], most: int) -> Iterator[Hours]:
    """Yield runs of hours that cover ``spans``, each of about ``most`` samples at most.

    Samples are assumed to be spread evenly over their span; one hour is never divided.
    """
    changes: dict[int, float] = {}
    for span in spans:
        weight = span.samples + span.files * SAMPLES_A_FILE_COSTS
        density = weight / (span.last_hour - span.first_hour + 1)
        changes[span.first_hour] = changes.get(span.first_hour, 0.0) + density
        changes[span.last_hour + 1] = changes.get(span.last_hour + 1, 0.0) - density
    edges = sorted(changes)
    if not edges:
        return
    start, held, density = edges[0], 0.0, 0.0
    for edge, following in pairwise(edges):
        density += changes[edge]
        hour = edge
        while hour < following:
            fitting = following - hour if density <= 0 else int((most - held) / density)
            if fitting <= 0 and hour > start:
                yield Hours(start, hour - 1)
                start, held = hour, 0.0
                continue
            taken = max(1, min(fitting, following - hour))
            held += density * taken
            hour += taken
    yield Hours(start, edges[-1] - 1)


@dataclass(frozen=True, slots=True)
class Layered:
    """Samples, strictly ascending: int64 epoch microseconds and float64, of equal length."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]

    def of_hour(self, hour: int) -> Layered:
        ends = np.searchsorted(self.times, [hour * HOUR_US, (hour + 1) * HOUR_US])
        return Layered(self.times[slice(*ends)], self.values[slice(*ends)])

    def hours(self) -> list[int]:
        """Return the hours that hold samples, ascending."""
        hours: list[int] = np.unique(self.times // HOUR_US).tolist()
        return hours


class Layers:
    """Overlays files one by one; at equal times the later file's sample stays."""

    def __init__(self) -> None:
        self._parts: list[Layered] = []
        self._pending = 0

    def lay(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Overlay the samples of the next file; times strictly ascending."""
        if not len(times):
            return
        self._parts.append(Layered(times, values))
        self._pending += len(times)
        if self._pending > _FOLD_SAMPLES:
            self._fold()

    def result(self) -> Layered:
        """Return the resulting samples."""
        self._fold()
        return self._parts[0]

    def _fold(self) -> None:
        times = np.concatenate([part.times for part in self._parts] or [np.empty(0, np.int64)])
        values = np.concatenate([part.values for part in self._parts] or [np.empty(0, np.float64)])
        order = np.argsort(times, kind="stable")  # of equal times, the later file's stays last
        times, values = times[order], values[order]
        is_last = np.ones(len(times), dtype=bool)
        is_last[:-1] = times[1:] != times[:-1]
        self._parts = [Layered(times[is_last], values[is_last])]
        self._pending = 0
