"""The page of one device: its certificates, last request, uploads by day, and what to do next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.admin.checked_requests import render_page
from identities.admin.visible_rows import VisibleRowsMixin
from identities.visibility import VIEW_KEYS, scope_of
from ingest.admin.read_only import grouped, shown
from ingest.admin.remedies import find_remedy
from ingest.device_history import ClockOffset, Day, DeviceHistory, read_history
from ingest.models import DeviceCertificate, RegistrationAttempt
from ingest.registration_outcomes import NOT_A_REFUSAL, Outcome

State = DeviceCertificate.State
CHART_HEIGHT, BAR_WIDTH = 60, 12
SOURCES: dict[str, str | Promise] = {
    "header": gettext_lazy("by the Date header of its request"),
    "sample": gettext_lazy("at least: a sample is later than its upload"),
    "certificate": gettext_lazy("at least: its certificate began after its registration"),
}
_LENGTHS = ((86_400, gettext_lazy("d")), (3_600, gettext_lazy("h")), (60, gettext_lazy("min")))


class DevicePageAdmin(VisibleRowsMixin):
    """Adds the page to the admin of certificates."""

    own_pages = {"device": "<int:pk>/device/"}

    def device_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the page of the device that has, or had, this certificate."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = DeviceCertificate.objects.select_related("identity", "bound_with").defer("der")
        certificate = self.rows_for(request, "ingest.view_devicecertificate", rows).filter(
            pk=pk
        ).first()  # fmt: skip
        if certificate is None:
            raise Http404
        may = request.user.has_perm
        history = read_history(
            certificate,
            scope_of(request.user),
            scope_of(request.user, VIEW_KEYS),
            with_attempts=may("ingest.view_registrationattempt"),
            with_files=may("ingest.view_measurement"),
        )
        context = _describe(history) | {
            "may_see_files": may("ingest.view_measurement"),
            "may_issue": may("identities.add_presharedkey"),
        }
        return render_page(self, request, "admin/ingest/devicecertificate/device.html", context)


def _describe(history: DeviceHistory) -> dict[str, Any]:
    current = history.current
    name = shown(history.label, 200) or current.fingerprint[:16]
    return {
        "title": _("Device %(name)s") % {"name": name},
        "history": history,
        "name": name,
        "certificate": current,
        "user_agent": history.user_agent,
        "state": _describe_state(history),
        "steps": list_steps(history),
        "clock": history.clock and _describe_clock(history.clock),
        "refusal": history.refusal,
        "refusal_remedy": history.refusal and find_remedy(history.refusal.code),
        "stranger": history.stranger,
        "stranger_remedy": history.stranger and find_remedy(history.stranger.code),
        "attempts": [_describe_attempt(attempt) for attempt in history.attempts],
        "line": [_describe_certificate(each, history) for each in reversed(history.line)],
        "bars": _make_bars(history.days),
        "chart_size": (len(history.days) * (BAR_WIDTH + 2), CHART_HEIGHT),
        "days": [day for day in reversed(history.days) if day.files],
        "files": sum(day.files for day in history.days),
    }


def _describe_state(history: DeviceHistory) -> tuple[str, str]:
    """Return the colour's class and the words of the device's state."""
    if not history.is_live:
        return "revoked", _("refused")
    if history.is_failing:
        return "revoked", _("its last request was refused")
    if history.last_upload_at is None:
        return "suspended", _("registered, no upload yet")
    return "active", _("accepted")


def list_steps(history: DeviceHistory) -> list[str | Promise]:
    """Return what to do next, the most important first; empty if nothing is wrong."""
    current, now = history.current, timezone.now()
    steps: list[str | Promise] = []
    if current.state != State.ACTIVE:
        steps.append(find_remedy(f"certificate_{current.state}"))
    elif not current.identity.is_active:
        steps.append(find_remedy("identity_inactive"))
    elif current.retires_at is not None and current.retires_at <= now:
        steps.append(find_remedy("certificate_superseded"))
    elif not history.is_live:
        is_early = current.not_before > now
        code = "certificate_not_yet_valid" if is_early else "certificate_expired"
        steps.append(find_remedy(code))
    elif history.is_failing and history.refusal is not None:
        steps.append(find_remedy(history.refusal.code))
    elif history.last_seen_at is None or current.first_seen_at is None:
        steps.append(_("It has registered and sent nothing since: does its program upload?"))
    if history.clock is not None and history.clock.is_wrong:
        steps.append(
            _("Set the device's clock: samples with wrong times are stored as they are sent.")
        )
    return [step for step in steps if step]


def _describe_clock(clock: ClockOffset) -> dict[str, Any]:
    length = format_length(abs(clock.seconds))
    text = _("%(length)s ahead") if clock.seconds > 0 else _("%(length)s behind")
    return {
        "text": text % {"length": length} if clock.is_wrong else _("right within a minute"),
        "is_wrong": clock.is_wrong,
        "source": SOURCES[clock.source],
        "at": clock.at,
    }


def format_length(seconds: int) -> str:
    """Return ``3.5 h``: a length in its largest unit."""
    for size, unit in _LENGTHS:
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds} s"


def _describe_attempt(attempt: RegistrationAttempt) -> dict[str, Any]:
    known = attempt.outcome in Outcome.values
    return {
        "attempt": attempt,
        "url": reverse("admin:ingest_registrationattempt_change", args=[attempt.pk]),
        "outcome": Outcome(attempt.outcome).label if known else shown(attempt.outcome),
        "is_refusal": attempt.outcome not in NOT_A_REFUSAL[:2],
        "remedy": find_remedy(attempt.outcome),
    }


def _describe_certificate(certificate: DeviceCertificate, history: DeviceHistory) -> dict[str, Any]:
    now = timezone.now()
    return {
        "certificate": certificate,
        "fingerprint": grouped(certificate.sha256)[:19],
        "url": reverse("admin:ingest_devicecertificate_change", args=[certificate.pk]),
        "state": _describe_certificate_state(certificate, now),
        "is_current": history.is_live and certificate.pk == history.current.pk,
    }


def _describe_certificate_state(certificate: DeviceCertificate, now: datetime) -> str:
    if certificate.state != State.ACTIVE:
        return str(certificate.get_state_display())
    if certificate.retires_at is not None:
        is_over = certificate.retires_at <= now
        return _("superseded") if is_over else _("superseded, still accepted")
    if certificate.not_after < now:
        return _("expired")
    return _("not valid yet") if certificate.not_before > now else str(State.ACTIVE.label)


def _make_bars(days: list[Day]) -> list[dict[str, Any]]:
    most = max((day.files for day in days), default=0) or 1
    bars = []
    for number, day in enumerate(days):
        height = max(2, round(day.files / most * CHART_HEIGHT)) if day.files else 0
        bars.append(
            {
                "x": number * (BAR_WIDTH + 2),
                "y": CHART_HEIGHT - height,
                "height": height,
                "is_rejected": day.rejected > 0,
                "title": f"{day.day}: {day.files:,}",
            }
        )
    return bars
