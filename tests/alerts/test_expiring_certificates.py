"""A certificate that expires soon and has not been replaced is reported once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alerts.models import Incident
from ingest.models import DeviceCertificate
from tests.alerts.conftest import (
    MINUTE,
    NOON,
    Device,
    run_once,
)
from tests.alerts.smtp_sink import Sink
from tests.alerts.webhook_receiver import Receiver

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def device(name: str, days_left: float, life: float = 365, **changes: Any) -> Device:
    """Return a device whose certificate has so many days left."""
    made = Device(name, every=None)
    ends = NOON + days_left * DAY
    dates = {"not_before": ends - life * DAY, "not_after": ends}
    DeviceCertificate.objects.filter(pk=made.certificate.pk).update(**dates | changes)
    return made


def reported(receiver: Receiver) -> list[str]:
    return [identity for call in receiver.calls for event, identity, _ in call.events()]


def test_it_is_sent_once_with_fingerprint_and_date(receiver: Receiver, mail: Sink) -> None:
    made = device("ward", 29)
    for days in range(40):
        run_once(NOON + days * DAY)
    [call] = receiver.calls
    [event] = call.document["events"]
    assert (event["event"], event["identity"]) == ("expiring", "ward")
    assert event["certificate"] == {
        "sha256": made.certificate.fingerprint,
        "not_after": "2026-06-02T12:00:00Z",
    }
    [(_, message)] = mail.messages
    assert message["Subject"] == "[localhost] 1 expiring"


@pytest.mark.parametrize(
    ("days_left", "life", "expected"),
    [(31, 365, 0), (29, 365, 1), (-1, 365, 0), (20, 60, 0), (14, 60, 1), (0.2, 1, 1), (0.3, 1, 0)],
)
def test_soon_is_thirty_days_or_a_quarter_of_a_shorter_life(
    receiver: Receiver, days_left: float, life: float, expected: int
) -> None:
    device("ward", days_left, life)
    run_once(NOON)
    assert len(receiver.calls) == expected


@pytest.mark.parametrize(
    "changes", [{"state": "revoked"}, {"state": "suspended"}, {"retires_at": NOON + DAY}]
)
def test_one_not_in_use_or_replaced_is_not_sent(
    receiver: Receiver, changes: dict[str, Any]
) -> None:
    device("ward", 10, **changes)
    run_once(NOON)
    assert receiver.calls == []


def test_a_successor_resolves_it_without_notification(receiver: Receiver) -> None:
    made = device("ward", 10)
    run_once(NOON)
    DeviceCertificate.objects.filter(pk=made.certificate.pk).update(retires_at=NOON + 7 * DAY)
    run_once(NOON + 20 * MINUTE)
    assert not Incident.objects.filter(ended_at=None).exists()
    assert reported(receiver) == ["ward"]


def test_each_certificate_is_sent_on_its_own_day(receiver: Receiver) -> None:
    for number in range(3):
        device(f"ward-{number}", 30 + number)
    for hours in range(0, 96, 6):
        run_once(NOON + timedelta(hours=hours))
    assert reported(receiver) == ["ward-0", "ward-1", "ward-2"]
    assert len(receiver.calls) == 3
