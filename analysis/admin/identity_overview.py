"""The content of an identity's page: series, calendar, devices and recent problems."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from analysis.admin.coverage_calendar import describe_calendar
from analysis.admin.days import find_default_zone
from analysis.admin.series_list import chart_urls
from analysis.admin.svg_charts import DAY_MS, make_sparkline
from analysis.queries.identity_status import IdentityStatus
from analysis.queries.read_buckets import read_buckets
from analysis.queries.samples import read_samples
from analysis.queries.series import Series, list_series
from identities.visibility import EVERYTHING, Scope
from ingest.admin.read_only import shown
from ingest.admin.remedies import find_remedy
from ingest.measurement_types import Kind, find_kinds
from ingest.models import (
    DailyUsage,
    DeviceCertificate,
    Measurement,
    RegistrationAttempt,
    SampleConflict,
)
from ingest.registration_outcomes import NOT_A_REFUSAL
from ingest.time_range import TimeRange, describe_ahead
from ingest.uuid7 import uuid7_floor

MAX_SERIES = 20
RECENT = timedelta(days=30)
SPARKLINE_SIZE = (160, 32)


def describe_identity(
    identity: IdentityStatus, chosen: str, scope: Scope, *, with_attempts: bool
) -> dict[str, Any]:
    """Return the context of the template; ``chosen`` names the series of the calendar.

    The caller has checked that the user may see the identity; ``scope`` is what the user sees.
    """
    series_list = list_series(EVERYTHING, identity=identity.name, limit=MAX_SERIES).series
    kinds = find_kinds(series.name for series in series_list)
    urls = chart_urls(series_list)
    # The calendar shows the chosen series, or else the one with the most recent sample.
    latest = sorted(series_list, key=lambda series: (series.name != chosen, -series.last_ms))
    zone = find_default_zone(identity.id, scope)
    return {
        "series_rows": [
            _make_series_row(series, kinds[series.name], urls) for series in series_list
        ],
        "calendar": describe_calendar(latest[0], kinds[latest[0].name], zone) if latest else None,
        "devices": _list_devices(identity),
        "failed_attempts": _list_failed_attempts(identity) if with_attempts else [],
        "rejected": _list_rejected_files(identity),
        "over_quota": _find_exceeded_quota(identity),
        "not_kept": _list_files_not_kept(identity),
        "conflicts": SampleConflict.objects.filter(identity_id=identity.id).order_by(
            "-last_detected_at"
        )[:5],
    }


def _make_series_row(
    series: Series, kind: Kind, urls: dict[tuple[str, str], str]
) -> dict[str, Any]:
    start = max(series.first_ms, series.last_ms - DAY_MS)
    _, buckets = read_buckets(series, TimeRange(start, None), 26)
    last = next(read_samples(series, TimeRange(series.last_ms, None)), None)
    return {
        "series": series,
        "kind": kind,
        "count": f"{series.count:,}",
        "last": datetime.fromtimestamp(series.last_ms / 1000, UTC),
        "ahead": describe_ahead(series.last_ms),
        "value": None if last is None else f"{last.value[-1]:.6g}",
        "points": make_sparkline(buckets.time_ms, buckets.mean, *SPARKLINE_SIZE),
        "chart_url": urls[series.identity, series.name],
        "days_url": reverse("admin:analysis_series_days", args=[series.identity, series.name]),
    }


def _list_devices(identity: IdentityStatus) -> list[dict[str, Any]]:
    now = timezone.now()
    recent = Measurement.objects.filter(identity_id=identity.id, id__gte=uuid7_floor(now - RECENT))
    activity: dict[int, Any] = {
        row["certificate_id"]: row
        for row in recent.values("certificate_id").annotate(
            seen_at=Max("received_at"), files=Count("id")
        ).order_by()
    }  # fmt: skip
    certificates = DeviceCertificate.objects.filter(identity_id=identity.id).defer("der")[:50]
    return [
        {
            "certificate": certificate,
            "name": shown(certificate.label or certificate.subject, 60)
            or certificate.fingerprint[:16],
            "seen_at": activity.get(certificate.pk, {}).get("seen_at"),
            "files": f"{activity.get(certificate.pk, {}).get('files', 0):,}",
            "warning": _describe_expiry(certificate, now),
        }
        for certificate in certificates
    ]


def _describe_expiry(certificate: DeviceCertificate, now: datetime) -> str:
    if certificate.not_after < now:
        return _("expired")
    return _("expires soon") if certificate.not_after < now + RECENT else ""


def _list_failed_attempts(identity: IdentityStatus) -> list[dict[str, Any]]:
    """Return the latest registrations of 30 days that were refused."""
    attempts = RegistrationAttempt.objects.filter(
        identity_id=identity.id, created_at__gte=timezone.now() - RECENT
    ).exclude(outcome__in=NOT_A_REFUSAL)
    return [
        {"attempt": attempt, "remedy": find_remedy(attempt.outcome)} for attempt in attempts[:5]
    ]


def _list_rejected_files(identity: IdentityStatus) -> list[dict[str, Any]]:
    files = Measurement.objects.filter(
        identity_id=identity.id, status=Measurement.Status.REJECTED
    ).order_by("-id").defer("content")[:5]  # fmt: skip
    return [
        {
            "file": file,
            "name": shown(file.name, 64),
            "error": shown(_format_first_error(file.errors), 120),
        }
        for file in files
    ]


def _list_files_not_kept(identity: IdentityStatus) -> list[dict[str, Any]]:
    """Return the latest files of 30 days of which not every value is kept as it was sent."""
    recent = uuid7_floor(timezone.now() - RECENT)
    files = Measurement.objects.filter(
        Q(repeated__gt=0) | Q(rounded__gt=0), identity_id=identity.id, id__gte=recent
    ).order_by("-id").defer("content", "errors")[:5]  # fmt: skip
    return [{"file": file, "name": shown(file.name, 64)} for file in files]


def _find_exceeded_quota(identity: IdentityStatus) -> DailyUsage | None:
    """Return the last day within 30 days on which the daily quota rejected uploads, or None."""
    return DailyUsage.objects.filter(
        identity_id=identity.id, refused__gt=0, refused_at__gt=timezone.now() - RECENT
    ).first()


def _format_first_error(errors: Any) -> str:
    if not errors or not isinstance(errors[0], dict):
        return ""
    return _("line %(line)s: %(hint)s") % {
        "line": errors[0].get("line", "?"),
        "hint": errors[0].get("hint", ""),
    }
