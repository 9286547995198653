"""One run of monitoring: update incidents, create notifications, send what is due."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings

from alerts.delivery import send_due
from alerts.incidents import update_incidents
from alerts.models import Incident
from alerts.notifications import create_notifications
from alerts.recipients import list_recipients


@dataclass(frozen=True, slots=True)
class MonitorRun:
    """The state after a run, in series and certificates, and the notifications that it sent.

    The names are the keys of ``monitor_devices --json``; ``late`` counts overdue series.
    """

    late: int
    catching_up: int
    expiring: int
    sent: int
    failed: int
    quiet: bool

    def as_json(self) -> dict[str, int | bool]:
        return asdict(self)


def run_once(now: datetime) -> MonitorRun:
    """Run once; any number of processes may do so at the same time."""
    update_incidents(now)
    recipients = list_recipients()
    create_notifications(recipients, now)
    sent, failed = send_due(recipients, now)
    incidents = Incident.objects.filter(ended_at=None)
    overdue = incidents.filter(kind=Incident.Kind.OVERDUE)
    return MonitorRun(
        late=overdue.filter(is_backfilling=False).count(),
        catching_up=overdue.filter(is_backfilling=True).count(),
        expiring=incidents.filter(kind=Incident.Kind.EXPIRING).count(),
        sent=sent,
        failed=failed,
        quiet=settings.QUIET_HOURS is not None and settings.QUIET_HOURS.covers(now),
    )
