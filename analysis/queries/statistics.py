"""Columns of samples and their statistics: interval, gaps, coverage. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.parsing.samples import US_PER_MS

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

# A gap is longer than three sampling intervals and longer than 5 s.
GAP_INTERVALS = 3
MIN_GAP_MS = 5_000


@dataclass(frozen=True)
class SampleTimes:
    """Epoch microseconds, strictly ascending."""

    time_us: Times

    def __len__(self) -> int:
        return len(self.time_us)

    @property
    def time_ms(self) -> Times:
        """Return the times in milliseconds, rounded down."""
        return self.time_us // US_PER_MS

    @property
    def has_fractions(self) -> bool:
        """Return whether a time lies between two milliseconds."""
        return bool((self.time_us % US_PER_MS).any())

    def times_as_numbers(self) -> list[int] | list[float]:
        """Return the times in milliseconds, with decimals where one lies between two."""
        if self.has_fractions:
            return [us / US_PER_MS if us % US_PER_MS else us // US_PER_MS
                    for us in self.time_us.tolist()]  # fmt: skip
        times: list[int] = self.time_ms.tolist()
        return times


@dataclass(frozen=True)
class SampleColumns(SampleTimes):
    """The times of a series and its values, of equal length."""

    value: Values

    @property
    def columns(self) -> tuple[Values, ...]:
        return (self.value,)

    def cut(self, start: int, end: int) -> SampleColumns:
        """Return the samples from the place ``start`` to before ``end``."""
        return SampleColumns(self.time_us[start:end], self.value[start:end])


@dataclass(frozen=True)
class SampleTable(SampleTimes):
    """Times and the values of several series; NaN where a series has no sample at a time."""

    columns: tuple[Values, ...]

    def cut(self, start: int, end: int) -> SampleTable:
        """Return the rows from the place ``start`` to before ``end``."""
        return SampleTable(
            self.time_us[start:end], tuple(values[start:end] for values in self.columns)
        )


@dataclass(frozen=True)
class Gap:
    """The times of two successive samples (epoch milliseconds) with none between them."""

    from_ms: int
    to_ms: int

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms


def compute_interval(steps: Times) -> float | None:
    """Return the median of ``steps``, microseconds, in milliseconds; None if empty."""
    return float(np.median(steps)) / US_PER_MS if len(steps) else None


def compute_gap_threshold(interval_ms: float | None) -> float:
    """Return the milliseconds between two samples above which they have a gap between them."""
    return max(GAP_INTERVALS * (interval_ms or 0.0), MIN_GAP_MS)


def find_longest_gap(times: Times) -> Gap | None:
    """Return the longest gap of ascending ``times`` (microseconds); None for fewer than two."""
    if len(times) < 2:
        return None
    at = int(np.argmax(np.diff(times)))
    return Gap(int(times[at]) // US_PER_MS, int(times[at + 1]) // US_PER_MS)


def compute_coverage(count: int, interval_ms: float | None, length_ms: int) -> float | None:
    """Return the fraction of ``length_ms`` that ``count`` samples cover, 0 to 1.

    Each sample covers one interval. None if the interval or the length is unknown.
    """
    if not count or interval_ms is None or length_ms <= 0:
        return 0.0 if not count else None
    return min(1.0, count * interval_ms / length_ms)


def concatenate(parts: list[SampleColumns]) -> SampleColumns:
    """Return successive ``parts`` as one."""
    if not parts:
        return SampleColumns(np.empty(0, np.int64), np.empty(0, np.float64))
    return SampleColumns(
        np.concatenate([part.time_us for part in parts]),
        np.concatenate([part.value for part in parts]),
    )
