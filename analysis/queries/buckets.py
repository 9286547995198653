"""Buckets of time that charts are drawn from. Pure: arrays in, arrays out.

Widths come from a ladder of durations that people read off an axis. Buckets are aligned to
multiples of their width since 1970-01-01T00:00Z: those up to 12 h and 1 d start where a UTC
clock would have them start, those of 7, 14 and 28 days start on a Thursday, as 1970-01-01 was.
An instant therefore lies in the same bucket whatever range is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.queries.sample_columns import Times, Values

_SECOND = 1000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

LADDER_MS = (
    *(n * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 28)),
)


@dataclass(frozen=True)
class Buckets:
    """Columns of equal length, ascending in time; only buckets that hold a sample."""

    time_ms: Times
    minimum: Values
    maximum: Values
    total: Values
    count: Times

    @property
    def mean(self) -> Values:
        """Return the mean of each bucket."""
        return self.total / self.count


def rungs() -> Iterator[int]:
    """Yield the widths of the ladder in milliseconds; after 28 days they double without end."""
    yield from LADDER_MS
    width = LADDER_MS[-1]
    while True:
        width *= 2
        yield width


def choose_width(from_ms: int, to_ms: int, most: int) -> int:
    """Return the smallest width that covers ``[from_ms, to_ms)`` with at most ``most`` buckets.

    Both ends are at least 0, ``most`` at least 1: from 0 on, one bucket is always enough once
    it is wide enough, so the search ends.
    """
    if from_ms >= to_ms:
        return LADDER_MS[0]
    return next(w for w in rungs() if (to_ms - 1) // w - from_ms // w < most)


def summarise(times: Times, values: Values, width_ms: int) -> Buckets:
    """Return the buckets of ascending samples."""
    bucket = times // width_ms
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    if len(starts) == 0:
        return join([])
    return Buckets(
        time_ms=bucket[starts] * width_ms,
        minimum=np.minimum.reduceat(values, starts),
        maximum=np.maximum.reduceat(values, starts),
        total=np.add.reduceat(values, starts),
        count=np.diff(starts, append=len(times)),
    )


def join(parts: list[Buckets]) -> Buckets:
    """Return all ``parts`` as one: sorted, and buckets of the same time merged."""
    if not parts:
        empty = np.empty(0, np.float64)
        return Buckets(np.empty(0, np.int64), empty, empty, empty, np.empty(0, np.int64))
    time_ms = np.concatenate([part.time_ms for part in parts])
    order = np.argsort(time_ms, kind="stable")
    time_ms = time_ms[order]
    starts = np.flatnonzero(np.diff(time_ms, prepend=-1))

    def column(name: str) -> npt.NDArray[np.float64]:
        return np.concatenate([getattr(part, name) for part in parts])[order]

    if len(starts) == 0:
        return join([])
    return Buckets(
        time_ms=time_ms[starts],
        minimum=np.minimum.reduceat(column("minimum"), starts),
        maximum=np.maximum.reduceat(column("maximum"), starts),
        total=np.add.reduceat(column("total"), starts),
        count=np.add.reduceat(column("count"), starts).astype(np.int64),
    )
