"""Time buckets for charts. Pure: arrays in, arrays out.

Widths come from a ladder of round durations. Buckets are aligned to multiples of their width
since 1970-01-01T00:00Z, so a time lies in the same bucket whatever range is requested. Buckets
of 7, 14 and 28 days start on a Thursday, the weekday of 1970-01-01.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.queries.statistics import Times, Values
from ingest.parsing.samples import US_PER_MS

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
FINEST_MS = LADDER_MS[0]  # unless the samples are dense
DENSE_LADDER_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
DENSE_SAMPLES_PER_SECOND = 2


@dataclass(frozen=True)
class Buckets:
    """Columns of equal length, ascending in time; empty buckets are left out."""

    time_ms: Times
    minimum: Values
    maximum: Values
    mean: Values
    count: Times


def iterate_widths(*, is_dense: bool = False) -> Iterator[int]:
    """Yield the widths of the ladder in milliseconds; beyond 28 days they double endlessly.

    Widths below a second are of use for dense samples only.
    """
    if is_dense:
        yield from DENSE_LADDER_MS
    yield from LADDER_MS
    width = LADDER_MS[-1]
    while True:
        width *= 2
        yield width


def choose_width(from_ms: int, to_ms: int, max_buckets: int, *, is_dense: bool = False) -> int:
    """Return the smallest width that covers ``[from_ms, to_ms)`` in ``max_buckets`` buckets.

    Both ends must be at least 0 and ``max_buckets`` at least 1. Times from 0 on fit into one
    bucket once it is wide enough, so the search ends.
    """
    if from_ms >= to_ms:
        return LADDER_MS[0]
    widths = iterate_widths(is_dense=is_dense)
    return next(w for w in widths if (to_ms - 1) // w - from_ms // w < max_buckets)


def make_buckets(times_us: Times, values: Values, width_ms: int) -> Buckets:
    """Return the buckets of ascending samples."""
    bucket = times_us // (width_ms * US_PER_MS)
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    if len(starts) == 0:
        return merge_buckets([])
    return Buckets(
        time_ms=bucket[starts] * width_ms,
        minimum=np.minimum.reduceat(values, starts),
        maximum=np.maximum.reduceat(values, starts),
        mean=_average(values, np.ones(len(values), np.int64), starts),
        count=np.diff(starts, append=len(times_us)),
    )


def _average(means: Values, counts: Times, starts: Times) -> Values:
    """Return the mean of each run of parts, which begin at ``starts``."""
    merged = np.add.reduceat(counts, starts)
    with np.errstate(over="ignore", invalid="ignore"):
        found: Values = np.add.reduceat(means * counts, starts) / merged
    if not np.isfinite(found).all():  # the sum of huge values is no double, their mean is
        shares = counts / np.repeat(merged, np.diff(starts, append=len(means)))
        found = np.add.reduceat(means * shares, starts)
    return found


def merge_buckets(parts: list[Buckets]) -> Buckets:
    """Return ``parts`` as one, sorted by time; buckets of the same time are merged."""
    if not parts:
        empty = np.empty(0, np.float64)
        return Buckets(np.empty(0, np.int64), empty, empty, empty, np.empty(0, np.int64))
    time_ms = np.concatenate([part.time_ms for part in parts])
    order = np.argsort(time_ms, kind="stable")
    time_ms = time_ms[order]
    starts = np.flatnonzero(np.diff(time_ms, prepend=-1))

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])[order]

    if len(starts) == 0:
        return merge_buckets([])
    return Buckets(
        time_ms=time_ms[starts],
        minimum=np.minimum.reduceat(column("minimum"), starts),
        maximum=np.maximum.reduceat(column("maximum"), starts),
        mean=_average(column("mean"), column("count"), starts),
        count=np.add.reduceat(column("count"), starts).astype(np.int64),
    )
