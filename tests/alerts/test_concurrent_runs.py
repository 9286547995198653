"""However many look at the same time, everything is told once."""

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

pytestmark = pytest.mark.django_db(transaction=True)
LOOKERS = 4


def look_from_all_sides(now: datetime) -> None:
    def act() -> None:
        run_once(now)
        connection.close()

    at_once([act] * LOOKERS)


def test_all_that_look_at_once_tell_each_thing_once(mail: Sink, receiver: Receiver) -> None:
    devices = [Device(f"bed-{number}") for number in range(20)]
    for device in devices:
        device.send(NOON)

    for minutes in (1, 11, 21):
        look_from_all_sides(NOON + HOUR + minutes * MINUTE)
    for device in devices[:7]:
        device.send(NOON + 2 * HOUR)
    for minutes in (1, 11, 21):  # whoever finds another at it leaves it for the next time
        look_from_all_sides(NOON + 2 * HOUR + minutes * MINUTE)
    told = Counter(event for call in receiver.calls for event in call.told())
    assert set(told.values()) == {1}
    assert Counter(event for event, _, _ in told) == {"late": 20, "recovered": 7}
    assert not Notification.objects.filter(sent_at=None).exists()
    mailed = [line for _, message in mail.messages for line in text_of(message).splitlines()]
    assert Counter(line.startswith("  bed-") for line in mailed)[True] == 27
    assert Incident.objects.count() == 20
