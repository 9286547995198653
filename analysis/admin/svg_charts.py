"""SVG geometry of the calendar of daily coverage and of sparklines. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.utils.translation import gettext

from analysis.queries.statistics import Times, Values, compute_coverage

DAYS_SHOWN = 365
CELL_SIZE = 13
WEEKDAYS_WIDTH = 34
MONTHS_HEIGHT = 16
DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)
# Minimum coverage of each colour level above level 0 (no data).
COVERAGE_LEVELS = (0.0, 0.25, 0.5, 0.9)


@dataclass(frozen=True)
class Cell:
    """A day of the calendar: position, samples, coverage (0 to 1, None if unknown), level."""

    day: date
    x: int
    y: int
    samples: int
    covered: float | None
    level: int

    @property
    def title(self) -> str:
        """Return the tooltip."""
        if not self.samples:
            return gettext("%(day)s: no data") % {"day": self.day}
        samples = gettext("%(day)s: %(count)s samples") % {
            "day": self.day,
            "count": f"{self.samples:,}",
        }
        return samples if self.covered is None else f"{samples}, {100 * self.covered:.0f} %"


@dataclass(frozen=True)
class Month:
    """A month of the calendar as a table row: days, days with data, samples and coverage."""

    first: date
    days: int
    with_data: int
    samples: int
    covered: float | None


def make_calendar(
    counts: dict[int, int], last_day: int, interval_ms: float | None
) -> tuple[list[Cell], list[Month]]:
    """Return the cells of the year up to ``last_day``, a column a week, and its months.

    Days count from 1970-01-01; ``counts`` maps a day to its number of samples.
    """
    first_day = last_day - DAYS_SHOWN + 1
    first_monday = EPOCH + timedelta(days=first_day)
    first_monday -= timedelta(days=first_monday.weekday())
    cells = []
    for number in range(first_day, last_day + 1):
        day = EPOCH + timedelta(days=number)
        samples = counts.get(number, 0)
        covered = compute_coverage(samples, interval_ms, DAY_MS)
        cells.append(
            Cell(
                day=day,
                x=WEEKDAYS_WIDTH + (day - first_monday).days // 7 * CELL_SIZE,
                y=MONTHS_HEIGHT + day.weekday() * CELL_SIZE,
                samples=samples,
                covered=covered,
                level=_choose_level(samples, covered),
            )
        )
    return cells, _make_months(cells, interval_ms)


def make_sparkline(times: Times, values: Values, width: int, height: int) -> str:
    """Return the ``points`` of an SVG polyline in a box of this size."""
    if not len(times):
        return ""
    span = max(1, int(times[-1] - times[0]))
    low, high = float(values.min()), float(values.max())
    x = (times - times[0]) / span * (width - 2) + 1
    y = np.full(len(values), height / 2)
    if high > low:
        y = height - 1 - (values - low) / (high - low) * (height - 2)
    if len(times) == 1:  # a line without length would be invisible
        return f"1,{height / 2:.0f} {width - 1},{height / 2:.0f}"
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _choose_level(samples: int, covered: float | None) -> int:
    if not samples:
        return 0
    if covered is None:
        return 1
    return sum(covered >= minimum for minimum in COVERAGE_LEVELS)


def _make_months(cells: list[Cell], interval_ms: float | None) -> list[Month]:
    months: dict[date, list[Cell]] = {}
    for cell in cells:
        months.setdefault(cell.day.replace(day=1), []).append(cell)
    return [
        Month(
            first=first,
            days=len(days),
            with_data=sum(cell.samples > 0 for cell in days),
            samples=(samples := sum(cell.samples for cell in days)),
            covered=compute_coverage(samples, interval_ms, len(days) * DAY_MS),
        )
        for first, days in reversed(months.items())
    ]
