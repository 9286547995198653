"""Small pictures for overviews, as numbers for SVG: a calendar of days and a sparkline. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from analysis.queries.sample_columns import Times, Values
from analysis.queries.statistics import coverage

DAYS_SHOWN = 365
CELL = 13
LABELS_WIDTH = 34
LABELS_HEIGHT = 16
DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)
# Least coverage of each level of colour above "none" (level 0).
LEVELS = (0.0, 0.25, 0.5, 0.9)


@dataclass(frozen=True)
class Cell:
    """One day: where it stands, how much came (0 to 1, None if unknown), and its level."""

    day: date
    x: int
    y: int
    samples: int
    covered: float | None
    level: int

    @property
    def title(self) -> str:
        """Return what a pointer is told."""
        if not self.samples:
            return f"{self.day}: no data"
        part = "" if self.covered is None else f", {100 * self.covered:.0f} %"
        return f"{self.day}: {self.samples:,} samples{part}"


@dataclass(frozen=True)
class Month:
    """The same as a row of a table: days with data of how many, and their coverage."""

    first: date
    days: int
    with_data: int
    samples: int
    covered: float | None


def make_calendar(
    counts: dict[int, int], last_day: int, interval_ms: float | None
) -> tuple[list[Cell], list[Month]]:
    """Return a year of days up to ``last_day``, Mondays on top, and its months.

    ``counts`` has the samples of each day (since 1970-01-01).
    """
    first_day = last_day - DAYS_SHOWN + 1
    first_monday = EPOCH + timedelta(days=first_day)
    first_monday -= timedelta(days=first_monday.weekday())
    cells = []
    for number in range(first_day, last_day + 1):
        day = EPOCH + timedelta(days=number)
        samples = counts.get(number, 0)
        covered = coverage(samples, interval_ms, DAY_MS)
        cells.append(
            Cell(
                day=day,
                x=LABELS_WIDTH + (day - first_monday).days // 7 * CELL,
                y=LABELS_HEIGHT + day.weekday() * CELL,
                samples=samples,
                covered=covered,
                level=_level(samples, covered),
            )
        )
    return cells, _months(cells, interval_ms)


def make_sparkline(times: Times, values: Values, width: int, height: int) -> str:
    """Return the ``points`` of a polyline in a box of this size."""
    if not len(times):
        return ""
    span = max(1, int(times[-1] - times[0]))
    low, high = float(values.min()), float(values.max())
    x = (times - times[0]) / span * (width - 2) + 1
    y = np.full(len(values), height / 2)
    if high > low:
        y = height - 1 - (values - low) / (high - low) * (height - 2)
    if len(times) == 1:  # a line of no length is not seen
        return f"1,{height / 2:.0f} {width - 1},{height / 2:.0f}"
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _level(samples: int, covered: float | None) -> int:
    if not samples:
        return 0
    if covered is None:
        return 1
    return sum(covered >= least for least in LEVELS)


def _months(cells: list[Cell], interval_ms: float | None) -> list[Month]:
    months: dict[date, list[Cell]] = {}
    for cell in cells:
        months.setdefault(cell.day.replace(day=1), []).append(cell)
    return [
        Month(
            first=first,
            days=len(days),
            with_data=sum(cell.samples > 0 for cell in days),
            samples=(samples := sum(cell.samples for cell in days)),
            covered=coverage(samples, interval_ms, len(days) * DAY_MS),
        )
        for first, days in reversed(months.items())
    ]
