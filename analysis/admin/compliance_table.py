"""The rows of the compliance page; 500 by 90 days are too many cells for a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from analysis.queries.compliance import Coverage
from analysis.queries.identities import Participant

MS_PER_HOUR = 3_600_000
# Least part of the threshold of each colour above the first.
LEVELS = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Row:
    """An identity; the lists have a place for each day, ``hours`` those that samples cover."""

    person: Participant
    url: str
    hours: list[float]
    samples: list[int]
    takes_part: list[bool]
    is_valid: list[bool]
    levels: list[int]
    cells: SafeString

    @property
    def valid(self) -> int:
        return sum(self.is_valid)

    @property
    def of(self) -> int:
        return sum(self.takes_part)

    @property
    def covered(self) -> float:
        """Return the covered hours of the days that count."""
        return sum(hours for hours, is_in in zip(self.hours, self.takes_part, strict=True) if is_in)


def make_rows(
    people: Sequence[Participant],
    coverage: Coverage,
    dates: Sequence[date],
    edges_ms: Sequence[int],
    *,
    name: str,
    threshold_hours: float,
) -> list[Row]:
    """Return a row for each of ``people``, in their order; days are between ``edges_ms``."""
    hours = coverage.covered_ms / MS_PER_HOUR
    reached = [hours >= part * threshold_hours for part in LEVELS]
    levels = np.where(coverage.samples > 0, np.sum(reached, axis=0), 0).tolist()
    is_enough, all_hours = reached[-1].tolist(), hours.tolist()
    all_samples = coverage.samples.tolist()
    queries = [f"?from={start}&amp;to={end}" for start, end in pairwise(edges_ms)]
    rows = []
    for number, person in enumerate(people):
        chart = escape(reverse("admin:analysis_series_chart", args=[person.identity, name]))
        takes_part = [person.takes_part(day) for day in dates]
        cells = zip(
            all_hours[number], all_samples[number], takes_part, levels[number], queries, strict=True
        )
        html = "".join(_make_cell(chart, cell) for cell in cells)
        rows.append(
            Row(
                person=person,
                url=reverse("admin:analysis_overview_identity", args=[person.identity]),
                hours=all_hours[number],
                samples=all_samples[number],
                takes_part=takes_part,
                is_valid=[a and b for a, b in zip(is_enough[number], takes_part, strict=True)],
                levels=levels[number],
                cells=mark_safe(html),  # noqa: S308 - numbers and escaped addresses
            )
        )
    return rows


def _make_cell(chart: str, cell: tuple[float, int, bool, int, str]) -> str:
    """Return the table cell of a day; the number is its chart's link, and no tab stop.

    ``cell`` has the hours, the samples, whether the day counts, its level and the link's query.
    """
    hours, samples, takes_part, level, query = cell
    kind = level if takes_part else "out"
    if not samples:
        return f'<td class="cover cover-{kind}">{"–" if takes_part else "·"}</td>'
    return (
        f'<td class="cover cover-{kind}">'
        f'<a href="{chart}{query}" tabindex="-1">{hours:.1f}</a></td>'
    )
