"""One look at everything: who is late, what is to be told, what waits to be sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings

from alerts.delivery import send_due
from alerts.incidents import update_incidents
from alerts.models import Incident
from alerts.notifications import create_notifications


@dataclass(frozen=True, slots=True)
class MonitorRun:
    """How things stand after a look, and what it sent. Late and catching up count series."""

    late: int
    catching_up: int
    expiring: int
    sent: int
    failed: int
    quiet: bool

    def as_json(self) -> dict[str, int | bool]:
        """Return this as ``--json`` prints it."""
        return asdict(self)


def run_once(now: datetime) -> MonitorRun:
    """Look once; any number of processes may do so at the same time."""
    update_incidents(now)
    create_notifications(now)
    sent, failed = send_due(now)
    opened = Incident.objects.filter(ended_at=None)
    late = opened.filter(kind=Incident.Kind.OVERDUE)
    return MonitorRun(
        late=late.filter(is_backfilling=False).count(),
        catching_up=late.filter(is_backfilling=True).count(),
        expiring=opened.filter(kind=Incident.Kind.EXPIRING).count(),
        sent=sent,
        failed=failed,
        quiet=settings.QUIET_HOURS is not None and settings.QUIET_HOURS.covers(now),
    )
