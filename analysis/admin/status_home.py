"""The status home: the first page of the staff site, before the list of its pages.

It shows what the user may see. Panels about the installation are registered by the project, which
knows its disk and services: ``status_panels``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analysis.admin.overview import STATE_LABELS
from analysis.queries import attention
from analysis.queries.attention import Attention
from analysis.queries.identity_status import count_states
from identities.admin.visible_rows import list_study_options
from identities.visibility import may_view_all, scope_of
from ingest.models import StrangerRefusal
from ingest.models.device_contacts import is_registered

PERMISSIONS = ("identities.view_identity", "ingest.view_sampleblock")
# Symbol and label of each kind of reason, and what to do about it.
KINDS = {
    "rejected": ("✖", _("file rejected"), _("open the file: each error names its line")),
    "overdue": (
        "▲",
        _("overdue"),
        _("no new sample: is the device on, and in reach of a network?"),
    ),
    "refused": ("⊘", _("requests refused"), _("open the device: it names the reason")),
    "expiring": ("◆", _("certificate expires"), _("let the device renew it, or give it a key")),
    "conflict": (
        "⇄",
        _("sample conflict"),
        _("give each sensor a measurement name, and each device a key, of its own"),
    ),
}


@dataclass(frozen=True, slots=True)
class Panel:
    """A statement about the installation: ``level`` is ok, warning or error."""

    title: str | Promise
    text: str | Promise
    level: str = "ok"
    url: str = ""


@dataclass(slots=True)
class StatusPanels:
    """Functions that return a panel for a request, or None."""

    makers: list[Callable[[HttpRequest], list[Panel]]] = field(default_factory=list)

    def for_request(self, request: HttpRequest) -> list[Panel]:
        return [panel for make in self.makers for panel in make(request)]


status_panels = StatusPanels()


def describe_status(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the status home; ``{}`` for a user who may see no data."""
    if not request.user.has_perms(PERMISSIONS):
        return {}
    study = request.GET.get("study", "")
    now, every = timezone.now(), scope_of(request.user)
    scope = every.in_study_number(study)
    counts = count_states(now, scope)
    may_see_devices = request.user.has_perm("ingest.view_devicecertificate")
    rows = attention.find_attention(scope, now, may_see_devices=may_see_devices)
    unmonitored = attention.count_unmonitored(scope, now)
    is_late = attention.is_monitoring_late(counts.checked_at, now)
    is_monitored = not (is_late or unmonitored.is_all)
    by_state = attention.count_by_state(scope)
    return {
        "study": study,
        "studies": list_study_options(every),
        "states": _describe_states(by_state, study, is_monitored=is_monitored),
        "overdue": counts.overdue,
        "attention": [_describe(row) for row in rows],
        "unmonitored": unmonitored,
        "checked_at": counts.checked_at,
        "is_monitoring_late": is_late,
        "strangers": _count_strangers(request, now),
        "panels": status_panels.for_request(request) if may_view_all(request.user) else [],
    }


def _count_strangers(request: HttpRequest, now: datetime) -> int:
    """Return how many unregistered certificates were refused within a day, 0 if it is not shown."""
    user = request.user
    if not user.has_perm("ingest.view_registrationattempt") or not may_view_all(user):
        return 0
    recent = StrangerRefusal.objects.filter(at__gte=now - timedelta(days=1))
    return recent.filter(~is_registered()).count()


def _describe_states(
    counts: dict[str, int] | None, study: str, *, is_monitored: bool
) -> list[dict[str, Any]]:
    """Return each state with its number of identities, None where there are too many to count.

    Where nothing is monitored, none can become overdue: ``is_monitored`` is False instead of a 0.
    """
    base = reverse("admin:analysis_overview_changelist")
    return [
        {
            "symbol": symbol,
            "label": label,
            "meaning": meaning,
            "state": state,
            "count": None if counts is None else counts.get(state, 0),
            "is_monitored": is_monitored or state != "overdue" or bool((counts or {}).get(state)),
            "url": f"{base}?{urlencode({'state': state} | ({'study': study} if study else {}))}",
        }
        for state, (symbol, label, meaning) in STATE_LABELS.items()
    ]


def _describe(row: Attention) -> dict[str, Any]:
    symbol, label, remedy = KINDS[row.kind]
    return {"row": row, "symbol": symbol, "label": label, "remedy": remedy, "url": _url(row)}


def _url(row: Attention) -> str:
    """Return the page that explains the reason."""
    if row.kind == "rejected":
        return reverse("admin:ingest_measurement_change", args=[row.key])
    if row.kind in ("refused", "expiring"):
        return reverse("admin:ingest_devicecertificate_device", args=[row.key])
    return reverse("admin:analysis_overview_identity", args=[row.identity])
