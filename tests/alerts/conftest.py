"""Devices that upload or stop at given times, and receivers of notifications."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from alerts import monitor
from alerts.models import Incident, MonitorHeartbeat
from alerts.monitor import MonitorRun
from identities.models import Identity
from ingest.uuid7 import uuid7_floor
from tests.alerts.smtp_sink import Sink, smtp_sink
from tests.alerts.webhook_receiver import Receiver, receiving
from tests.analysis.queries.factories import make_block, make_certificate, make_measurement

# The tests pass the time to monitoring.
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Device:
    """A device of an identity, monitored if ``every`` is given."""

    def __init__(self, name: str, every: timedelta | None = HOUR, **identity: Any) -> None:
        self.identity = Identity.objects.create(name=name, reporting_interval=every, **identity)
        self.certificate = make_certificate(self.identity, name)

    def send(self, at: datetime, newest: datetime | None = None, name: str = "hr") -> None:
        """Store a file received ``at`` that time, with one sample of ``newest`` (or ``at``)."""
        taken = int((newest or at).timestamp() * 1000)
        make_block(self.identity, name, [(taken, 60.0)])
        make_measurement(
            self.certificate,
            uuid.uuid4().bytes,
            name,
            id=uuid.UUID(int=uuid7_floor(at).int + uuid.uuid4().int % 2**60),
            received_at=at,
            first_ms=taken,
            last_ms=taken,
        )

    def state(self, name: str = "") -> str:
        """Return the state of the open incident, empty without one."""
        open_ = Incident.objects.filter(identity=self.identity, name=name, ended_at=None)
        incident = open_.filter(kind="late").first()
        if incident is None:
            return ""
        started = "started" if incident.started_at else "not started"
        return f"{'catching up' if incident.is_backfilling else 'overdue'}, {started}"


@pytest.fixture(autouse=True)
def _alert_settings(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.ALERT_WEBHOOK_SECRET = SECRET
    settings.ALERT_GROUP_INTERVAL_SECONDS = 600


@pytest.fixture
def mail(settings: Settings) -> Iterator[Sink]:
    """A mail server, and two configured recipients."""
    with smtp_sink() as sink:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        settings.ALERT_EMAIL_RECIPIENTS = ["ada@example.org", "bob@example.org"]
        yield sink


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver of the webhook's requests."""
    with receiving() as running:
        settings.ALERT_WEBHOOK_URL = running.url
        yield running


def run_once(at: datetime) -> MonitorRun:
    """Run monitoring at that time, as if it had run every minute before."""
    MonitorHeartbeat.objects.update(last_run_at=at - MINUTE)
    return monitor.run_once(at)
