"""SVG geometry of the calendar of daily coverage and of sparklines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.utils.translation import gettext

from analysis.queries.statistics import Times, Values

DAYS_SHOWN = 365
CELL_SIZE = 13
WEEKDAYS_WIDTH = 34
MONTHS_HEIGHT = 16
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
PLOT_SIZE = (900, 260)
PLOT_LEFT, PLOT_BOTTOM = 60, 24
# The difference of values beyond is no double: they are scaled before.
HUGE, HUGE_SCALE = 1e300, 0.25
# Minimum coverage of each colour level above level 0 (no data).
COVERAGE_LEVELS = (0.0, 0.25, 0.5, 0.9)


@dataclass(frozen=True)
class CoveredDay:
    """A local day, its first moment and the next day's, and how much of it samples cover."""

    day: date
    start_ms: int
    end_ms: int
    samples: int
    covered_ms: float

    @property
    def fraction(self) -> float:
        return self.covered_ms / max(1, self.end_ms - self.start_ms)


@dataclass(frozen=True)
class Cell:
    """A day of the calendar, its position and the level of its colour."""

    covered: CoveredDay
    x: int
    y: int
    level: int

    @property
    def title(self) -> str:
        found = self.covered
        if not found.samples:
            return gettext("%(day)s: no data") % {"day": found.day}
        return gettext("%(day)s: %(hours)s h, %(percent)s %%, %(count)s samples") % {
            "day": found.day,
            "hours": f"{found.covered_ms / HOUR_MS:.1f}",
            "percent": f"{100 * found.fraction:.0f}",
            "count": f"{found.samples:,}",
        }


@dataclass(frozen=True)
class Plot:
    """A chart of one value for each period, in a box of ``PLOT_SIZE``.

    ``marks`` are rectangles (x, y, width, title), ``lines`` the values at (y, label) and ``labels``
    the times at (x, label).
    """

    marks: list[tuple[float, float, float, str]]
    lines: list[tuple[float, str]]
    labels: list[tuple[float, str]]


@dataclass(frozen=True)
class Month:
    """A month of the calendar as a table row: days, days with data, samples, covered fraction."""

    first: date
    days: int
    with_data: int
    samples: int
    fraction: float


def make_calendar(days: Sequence[CoveredDay]) -> tuple[list[Cell], list[Month]]:
    """Return the cells of successive days, a column a week, and their months, newest first."""
    first_monday = days[0].day - timedelta(days=days[0].day.weekday())
    cells = [
        Cell(
            covered=found,
            x=WEEKDAYS_WIDTH + (found.day - first_monday).days // 7 * CELL_SIZE,
            y=MONTHS_HEIGHT + found.day.weekday() * CELL_SIZE,
            level=_choose_level(found),
        )
        for found in days
    ]
    return cells, _make_months(days)


def make_plot(
    points: list[tuple[int, int, float, str]],
    range_ms: tuple[int, int],
    times: list[tuple[int, str]],
) -> Plot:
    """Return the plot of ``points`` (start, end, value, title); ``times`` are labelled.

    Each value is a mark as wide as its period, so that a gap stays a gap.
    """
    width, height = PLOT_SIZE
    values = [value for _, _, value, _ in points]
    low, high = min(values), max(values)
    scale = HUGE_SCALE if max(abs(low), abs(high)) > HUGE else 1.0
    top, bottom = high * scale, low * scale
    if low == high:
        margin = max(1.0, abs(top) / 1e6)  # where doubles are further apart than 1
        top, bottom = top + margin, bottom - margin
    start, end = range_ms

    def x(time_ms: int) -> float:
        return PLOT_LEFT + (time_ms - start) / max(1, end - start) * (width - PLOT_LEFT - 4)

    def y(value: float) -> float:
        return 8 + (top - value * scale) / (top - bottom) * (height - PLOT_BOTTOM - 8)

    return Plot(
        marks=[
            (round(x(begins), 1), round(y(value), 1), round(max(2, x(ends) - x(begins)), 1), title)
            for begins, ends, value, title in points
        ],
        lines=[
            (round(y(value), 1), f"{value:.4g}")
            for value in sorted({low, low / 2 + high / 2, high})
        ],
        labels=[(round(x(time), 1), label) for time, label in times if start <= time < end],
    )


def make_sparkline(times: Times, values: Values, width: int, height: int) -> str:
    """Return the ``points`` of an SVG polyline in a box of this size."""
    if not len(times):
        return ""
    span = max(1, int(times[-1] - times[0]))
    if float(np.abs(values).max()) > HUGE:
        values = values * HUGE_SCALE
    low, high = float(values.min()), float(values.max())
    x = (times - times[0]) / span * (width - 2) + 1
    y = np.full(len(values), height / 2)
    if high > low:
        y = height - 1 - (values - low) / (high - low) * (height - 2)
    if len(times) == 1:  # a line without length would be invisible
        return f"1,{height / 2:.0f} {width - 1},{height / 2:.0f}"
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _choose_level(found: CoveredDay) -> int:
    if not found.samples:
        return 0
    return sum(found.fraction >= minimum for minimum in COVERAGE_LEVELS)


def _make_months(days: Sequence[CoveredDay]) -> list[Month]:
    months: dict[date, list[CoveredDay]] = {}
    for found in days:
        months.setdefault(found.day.replace(day=1), []).append(found)
    return [
        Month(
            first=first,
            days=len(month),
            with_data=sum(found.samples > 0 for found in month),
            samples=sum(found.samples for found in month),
            fraction=sum(found.covered_ms for found in month)
            / sum(found.end_ms - found.start_ms for found in month),
        )
        for first, month in reversed(months.items())
    ]
