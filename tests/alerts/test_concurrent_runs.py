"""However many processes monitor at once, each event is sent once."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from django.db import connection

from alerts.models import Incident, Notification
from alerts.monitor import run_once
from tests.alerts.conftest import (
    HOUR,
    MINUTE,
    NOON,
    Device,
)
from tests.alerts.smtp_sink import Sink, text_of
from tests.alerts.webhook_receiver import Receiver
from tests.support.concurrency import at_once

pytestmark = pytest.mark.usefixtures("own_db")
PROCESSES = 4


def run_at_once(now: datetime) -> None:
    def act() -> None:
        run_once(now)
        connection.close()

    at_once([act] * PROCESSES)


def test_concurrent_runs_send_each_event_once(mail: Sink, receiver: Receiver) -> None:
    devices = [Device(f"bed-{number}") for number in range(20)]
    for device in devices:
        device.send(NOON)

    for minutes in (1, 11, 21):
        run_at_once(NOON + HOUR + minutes * MINUTE)
    for device in devices[:7]:
        device.send(NOON + 2 * HOUR)
    for minutes in (1, 11, 21):  # who finds another process at work leaves it to the next run
        run_at_once(NOON + 2 * HOUR + minutes * MINUTE)
    sent = Counter(event for call in receiver.calls for event in call.events())
    assert set(sent.values()) == {1}
    assert Counter(event for event, _, _ in sent) == {"late": 20, "recovered": 7}
    assert not Notification.objects.filter(sent_at=None).exists()
    mailed = [line for _, message in mail.messages for line in text_of(message).splitlines()]
    assert Counter(line.startswith("  bed-") for line in mailed)[True] == 27
    assert Incident.objects.count() == 20
