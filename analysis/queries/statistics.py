"""Numbers that sum up samples: percentiles, the usual interval, gaps, coverage. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.queries.sample_columns import SampleColumns, Times, Values

# Three samples missed in a row are a gap; so short ones as this are nobody's trouble.
SAMPLES_MISSED = 3
MIN_GAP_MS = 5_000


@dataclass(frozen=True)
class Gap:
    """No sample came between these two, which did (epoch milliseconds)."""

    from_ms: int
    to_ms: int

    @property
    def length_ms(self) -> int:
        """Return how long nothing came."""
        return self.to_ms - self.from_ms


def usual_interval(steps: Times) -> float | None:
    """Return the median of the times between samples, milliseconds; None without any."""
    return float(np.median(steps)) if len(steps) else None


def gap_threshold(interval_ms: float | None) -> float:
    """Return from which distance on two samples have a gap between them, milliseconds."""
    return max(SAMPLES_MISSED * (interval_ms or 0.0), MIN_GAP_MS)


def longest_gap(times: Times) -> Gap | None:
    """Return the longest time between two neighbours of ascending ``times``."""
    if len(times) < 2:
        return None
    at = int(np.argmax(np.diff(times)))
    return Gap(int(times[at]), int(times[at + 1]))


def percentiles(values: Values) -> tuple[float, float, float] | None:
    """Return the 5th, 50th and 95th percentile, interpolated; None without values."""
    if not len(values):
        return None
    low, middle, high = np.percentile(values, [5, 50, 95])
    return float(low), float(middle), float(high)


def coverage(count: int, interval_ms: float | None, length_ms: int) -> float | None:
    """Return the part of ``length_ms`` that ``count`` samples stand for, 0 to 1.

    Each stands for the usual interval. None where that cannot be known.
    """
    if not count or interval_ms is None or length_ms <= 0:
        return 0.0 if not count else None
    return min(1.0, count * interval_ms / length_ms)


def join_columns(parts: list[SampleColumns]) -> SampleColumns:
    """Return ``parts``, which follow one another, as one."""
    if not parts:
        return SampleColumns(np.empty(0, np.int64), np.empty(0, np.float64))
    return SampleColumns(
        np.concatenate([part.time_ms for part in parts]),
        np.concatenate([part.value for part in parts]),
    )
