"""The calendar of an identity's page: a year of days and their months, for one series."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from analysis.admin.svg_charts import CELL_SIZE, DAYS_SHOWN, CoveredDay, make_calendar
from analysis.queries.compliance import read_coverage
from analysis.queries.days import day_of, start_of_day
from analysis.queries.series import Series
from ingest.measurement_types import Kind
from ingest.time_range import format_instant


def describe_calendar(series: Series, kind: Kind, zone: ZoneInfo) -> dict[str, Any]:
    """Return the template's context of the year up to the last sample, by days of ``zone``."""
    chart = reverse("admin:analysis_series_chart", args=[series.identity, series.name])
    days = _read_year(series, kind, zone)
    cells, months = make_calendar(days)
    return {
        "series": series,
        "kind": kind,
        "zone": zone.key,
        "cells": [(cell, chart + _query(cell.covered.start_ms, cell.covered.end_ms))
                  for cell in cells],
        "months": [
            (
                month,
                f"{month.samples:,}",
                f"{100 * month.fraction:.0f} %",
                chart + _month_query(month.first, zone),
            )
            for month in months
        ],
        "days_url": reverse("admin:analysis_series_days", args=[series.identity, series.name]),
        "size": CELL_SIZE - 2,
        "width": cells[-1].x + CELL_SIZE,
        "height": max(cell.y for cell in cells) + CELL_SIZE,
        "labels": [
            (cell.x, f"{cell.covered.day:%b}") for cell in cells if cell.covered.day.day == 1
        ],
        "weekdays": [
            (cell.y + CELL_SIZE - 4, f"{cell.covered.day:%a}")
            for cell in cells[:7]
            if cell.covered.day.weekday() in (0, 2, 4)
        ],
    }  # fmt: skip


def _read_year(series: Series, kind: Kind, zone: ZoneInfo) -> list[CoveredDay]:
    last = day_of(series.last_ms, zone)
    dates = [last - timedelta(days=DAYS_SHOWN - 1 - number) for number in range(DAYS_SHOWN)]
    edges = [start_of_day(day, zone) for day in [*dates, last + timedelta(days=1)]]
    coverage = read_coverage([series.identity_id], series.name, kind, edges)
    return [
        CoveredDay(
            day,
            start_ms,
            end_ms,
            int(coverage.samples[0, number]),
            float(coverage.covered_ms[0, number]),
        )
        for number, (day, (start_ms, end_ms)) in enumerate(zip(dates, pairwise(edges), strict=True))
    ]


def _month_query(first: date, zone: ZoneInfo) -> str:
    after = (first + timedelta(days=31)).replace(day=1)
    return _query(start_of_day(first, zone), start_of_day(after, zone))


def _query(start_ms: int, end_ms: int) -> str:
    return f"?{urlencode({'from': format_instant(start_ms), 'to': format_instant(end_ms)})}"
