"""The rows of the compliance page; a template takes half a second for 500 identities by 90 days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from analysis.queries.compliance import Coverage
from analysis.queries.identities import Participant

MS_PER_HOUR = 3_600_000
# Least part of the threshold of each colour above the first.
LEVELS = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Row:
    """An identity; the lists have a place for each day, ``hours`` those that samples cover."""

    person: Participant
    hours: list[float]
    samples: list[int]
    takes_part: list[bool]
    is_valid: list[bool]
    levels: list[int]
    chart_url: str

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
    rows = []
    for number, person in enumerate(people):
        takes_part = [person.takes_part(day) for day in dates]
        rows.append(
            Row(
                person=person,
                hours=all_hours[number],
                samples=all_samples[number],
                takes_part=takes_part,
                is_valid=[a and b for a, b in zip(is_enough[number], takes_part, strict=True)],
                levels=levels[number],
                chart_url=reverse("admin:analysis_series_chart", args=[person.identity, name]),
            )
        )
    return rows


def render_rows(rows: Sequence[Row], edges_ms: Sequence[int]) -> SafeString:
    """Return the table rows as HTML; the number of a day is its chart's link, and no tab stop."""
    queries = [f"?from={start}&amp;to={end}" for start, end in pairwise(edges_ms)]
    counts = gettext("%(valid)s of %(all)s")
    parts: list[str] = []
    for row in rows:
        url = reverse("admin:analysis_overview_identity", args=[row.person.identity])
        code = format_html(' <span class="quiet">{}</span>', row.person.code)
        parts += (
            format_html('<tr><th scope="row" class="text"><a href="{}">', url),
            escape(row.person.identity),
            "</a>",
            code if row.person.code else "",
            format_html("</th><td>{}</td>", counts % {"valid": row.valid, "all": row.of}),
            f"<td>{row.covered:.1f}</td>",
            *_render_days(row, queries),
            "</tr>\n",
        )
    return mark_safe("".join(parts))  # noqa: S308 - numbers and escaped texts


def _render_days(row: Row, queries: Sequence[str]) -> Iterator[str]:
    chart = escape(row.chart_url)
    days = zip(row.hours, row.samples, row.takes_part, row.levels, queries, strict=True)
    for hours, samples, takes_part, level, query in days:
        kind = level if takes_part else "out"
        if samples:
            link = f'<a href="{chart}{query}" tabindex="-1">{hours:.1f}</a>'
            yield f'<td class="cover cover-{kind}">{link}</td>'
        else:
            yield f'<td class="cover cover-{kind}">{"–" if takes_part else "·"}</td>'
