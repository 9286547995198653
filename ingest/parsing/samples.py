"""Samples of one measurement file, by column: times to the microsecond, values as doubles. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

US_PER_MS = 1000
FEW_SAMPLES = 16  # up to so many, Python's own numbers are faster than numpy's


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The accepted times: ``earliest_ms <= floor(time) <= latest_ms``, epoch milliseconds."""

    earliest_ms: int
    latest_ms: int

    def holds(self, time_ms: int) -> bool:
        return self.earliest_ms <= time_ms <= self.latest_ms

    def dates(self) -> tuple[str, str]:
        """Return the first and the last day of the window, in UTC."""
        return _date(self.earliest_ms), _date(self.latest_ms)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How many data lines and how many non-empty values a file may have."""

    lines: int
    values: int


class LimitExceeded(Exception):
    """A file exceeds a published limit; ``found`` may be a lower bound."""

    noun = ""

    def __init__(self, found: int, limit: int) -> None:
        super().__init__(f"A file may have {limit:,} {self.noun}; this one has {found:,}.")


class TooManyLines(LimitExceeded):
    noun = "lines"


class TooManyValues(LimitExceeded):
    noun = "values"


@dataclass(frozen=True, slots=True)
class ColumnSamples:
    """The samples of one column, sorted, each time once with the value of its last line.

    ``times`` is int64 epoch microseconds, strictly ascending; ``values`` is float64 of the same
    length. ``repeated`` counts the values whose time stands on a later line too: they are not
    among ``values``.
    """

    times: NDArray[np.int64]
    values: NDArray[np.float64]
    repeated: int

    @property
    def count(self) -> int:
        """Return the number of non-empty values in the file."""
        return len(self.values) + self.repeated

    @property
    def first_ms(self) -> int:
        """Return the earliest time, rounded down to milliseconds."""
        return int(self.times[0]) // US_PER_MS

    @property
    def last_ms(self) -> int:
        """Return the latest time, rounded down to milliseconds."""
        return int(self.times[-1]) // US_PER_MS


@dataclass(frozen=True, slots=True)
class FileSamples:
    """The content of a measurement file.

    ``header`` holds the fields of the header line, the time's included, None without one.
    ``columns`` holds one entry for each value column; a column may have no sample. ``lines``
    counts the data lines. ``rounded`` counts the values whose shortest double notation is
    numerically another decimal than the one in the file.
    """

    header: tuple[str, ...] | None
    columns: tuple[ColumnSamples, ...]
    lines: int
    rounded: int = 0


def make_columns(
    columns: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[ColumnSamples, ...]:
    """Return each column sorted, each time once.

    A column is given as its times (int64 epoch microseconds) and values (float64) in the order of
    the file. Columns that share one array of times are ordered together.
    """
    ordering: _Ordering | None = None
    ordered = []
    for times, values in columns:
        if ordering is None or ordering.given is not times:
            ordering = _Ordering(times)
        ordered.append(ordering.apply(values))
    return tuple(ordered)


class _Ordering:
    """The ascending order of some times, and which of equal times is the last."""

    def __init__(self, times: NDArray[np.int64]) -> None:
        self.given = times
        self._order: NDArray[np.intp] | None = None
        self._is_last: NDArray[np.bool_] | None = None
        self._repeated = 0
        if len(times) > 1 and not bool((times[1:] > times[:-1]).all()):
            self._order = np.argsort(times, kind="stable")  # of equal times the last line is last
            times = times[self._order]
            is_last = np.concatenate((times[1:] != times[:-1], [True]))
            if not is_last.all():
                self._is_last, self._repeated = is_last, int((~is_last).sum())
                times = times[is_last]
        self._times = times

    def apply(self, values: NDArray[np.float64]) -> ColumnSamples:
        if self._order is not None:
            values = values[self._order]
        if self._is_last is not None:
            values = values[self._is_last]
        return ColumnSamples(self._times, values, self._repeated)


def _date(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d")
