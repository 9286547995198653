"""What the page of one identity shows: series, a calendar, devices, files that were rejected."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max
from django.urls import reverse
from django.utils import timezone

from analysis.queries.coverage_days import count_days
from analysis.queries.identity_status import Watched
from analysis.queries.samples import read_buckets, read_samples
from analysis.queries.series import Series, list_series
from analysis.queries.summary import summarise_series
from analysis.queries.svg_charts import (
    CELL,
    DAY_MS,
    DAYS_SHOWN,
    make_calendar,
    make_sparkline,
)
from ingest.admin.read_only import shown
from ingest.measurement_types import Kind, find_kinds
from ingest.models import DailyUsage, DeviceCertificate, Measurement, SampleConflict
from ingest.time_range import TimeRange
from ingest.uuid7 import uuid7_floor

MAX_SERIES = 20
SEEN_WITHIN = timedelta(days=30)
SPARKLINE = (160, 32)


def describe_identity(found: Watched, chosen: str) -> dict[str, Any]:
    """Return what the template shows; ``chosen`` names the series of the calendar."""
    series = list_series(identity=found.name, limit=MAX_SERIES).series
    kinds = find_kinds(each.name for each in series)
    latest = sorted(series, key=lambda each: (each.name != chosen, -each.last_ms))
    return {
        "series_rows": [_series_row(each, kinds[each.name]) for each in series],
        "calendar": _calendar(latest[0], kinds[latest[0].name]) if latest else None,
        "devices": _devices(found),
        "rejected": _rejected(found),
        "over_quota": _over_quota(found),
        "conflicts": SampleConflict.objects.filter(identity_id=found.id).order_by(
            "-last_detected_at"
        )[:5],
    }


def _series_row(series: Series, kind: Kind) -> dict[str, Any]:
    start = max(series.first_ms, series.last_ms - DAY_MS)
    _, buckets = read_buckets(series, TimeRange(start, None), 26)
    last = next(read_samples(series, TimeRange(series.last_ms, None)), None)
    return {
        "series": series,
        "kind": kind,
        "count": f"{series.count:,}",
        "last": datetime.fromtimestamp(series.last_ms / 1000, UTC),
        "value": None if last is None else f"{last.value[-1]:.6g}",
        "points": make_sparkline(buckets.time_ms, buckets.mean, *SPARKLINE),
        "address": reverse("admin:analysis_series_chart", args=[series.identity, series.name]),
    }


def _calendar(series: Series, kind: Kind) -> dict[str, Any]:
    last_day = series.last_ms // DAY_MS
    recent = TimeRange(max(series.first_ms, series.last_ms - DAY_MS), None)
    interval = kind.expected_interval_ms or summarise_series(series, recent)[0].interval_ms
    counts = count_days(series, last_day - DAYS_SHOWN + 1, DAYS_SHOWN)
    cells, months = make_calendar(counts, last_day, interval)
    chart = reverse("admin:analysis_series_chart", args=[series.identity, series.name])
    return {
        "series": series,
        "kind": kind,
        "cells": cells,
        "months": [
            (month, f"{month.samples:,}", _percent(month.covered), _month_query(month.first))
            for month in months
        ],
        "chart": chart,
        "size": CELL - 2,
        "width": cells[-1].x + CELL,
        "height": max(cell.y for cell in cells) + CELL,
        "labels": [(cell.x, f"{cell.day:%b}") for cell in cells if cell.day.day == 1],
        "weekdays": [
            (cell.y + CELL - 4, f"{cell.day:%a}")
            for cell in cells[:7]
            if cell.day.weekday() in (0, 2, 4)
        ],
        "interval_s": None if interval is None else f"{interval / 1000:.3g}",
    }


def _percent(covered: float | None) -> str:
    return "unknown" if covered is None else f"{100 * covered:.0f} %"


def _month_query(first: date) -> str:
    after = (first + timedelta(days=31)).replace(day=1)
    return f"?from={first.isoformat()}&to={after.isoformat()}"


def _devices(found: Watched) -> list[dict[str, Any]]:
    now = timezone.now()
    recent = Measurement.objects.filter(
        identity_id=found.id, id__gte=uuid7_floor(now - SEEN_WITHIN)
    )
    seen: dict[int, Any] = {
        row["certificate_id"]: row
        for row in recent.values("certificate_id").annotate(
            at=Max("received_at"), files=Count("id")
        ).order_by()
    }  # fmt: skip
    certificates = DeviceCertificate.objects.filter(identity_id=found.id).defer("der")[:50]
    return [
        {
            "certificate": each,
            "name": shown(each.label or each.subject, 60) or each.fingerprint[:16],
            "seen": seen.get(each.pk, {}).get("at"),
            "files": f"{seen.get(each.pk, {}).get('files', 0):,}",
            "ends": "ended" if each.not_after < now
            else "ends soon" if each.not_after < now + SEEN_WITHIN else "",
        }
        for each in certificates
    ]  # fmt: skip


def _rejected(found: Watched) -> list[dict[str, Any]]:
    files = Measurement.objects.filter(
        identity_id=found.id, status=Measurement.Status.REJECTED
    ).order_by("-id").defer("content")[:5]  # fmt: skip
    return [
        {
            "file": each,
            "name": shown(each.name, 64),
            "error": shown(_first_error(each.errors), 120),
        }
        for each in files
    ]


def _over_quota(found: Watched) -> DailyUsage | None:
    """Return the day on which uploads were refused for their bytes, if it is within 30 days."""
    return DailyUsage.objects.filter(
        identity_id=found.id, refused__gt=0, refused_at__gt=timezone.now() - SEEN_WITHIN
    ).first()


def _first_error(errors: Any) -> str:
    if not errors or not isinstance(errors[0], dict):
        return ""
    return f"line {errors[0].get('line', '?')}: {errors[0].get('hint', '')}"
