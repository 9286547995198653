"""Each event is sent once per channel, grouped into notifications, also after failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from alerts import delivery
from alerts.messages import signature
from alerts.models import Notification
from alerts.quiet_hours import parse_quiet_hours
from identities.models import Identity
from tests.alerts.conftest import (
    HOUR,
    MINUTE,
    NOON,
    SECRET,
    Device,
    run_once,
)
from tests.alerts.smtp_sink import Sink, text_of
from tests.alerts.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.django_db
STOPPED = NOON + HOUR + MINUTE


def stopped(*names: str) -> list[Device]:
    """Return devices that sent at noon and are overdue at ``STOPPED``."""
    devices = [Device(name) for name in names]
    for device in devices:
        device.send(NOON)
    return devices


def test_an_overdue_device_is_mailed_once(mail: Sink) -> None:
    stopped("ward3-07")
    for minutes in range(0, 60, 15):
        run_once(STOPPED + minutes * MINUTE)
    [(recipients, message)] = mail.messages
    assert recipients == ["ada@example.org", "bob@example.org"]
    assert message["Subject"] == "[localhost] 1 overdue"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "ward3-07: last sample 2026-05-04T12:00:00Z" in text_of(message)
    assert "/admin/analysis/overview/" in text_of(message)


def test_the_webhook_receives_a_signed_document(receiver: Receiver) -> None:
    stopped("ward3-07")
    run_once(STOPPED)
    [call] = receiver.calls
    events = call.document.pop("events")
    assert call.document | {"id": "", "events": [], "installation": ""} == {
        "type": "device_endpoint.notice",
        "id": "",
        "at_ms": int(STOPPED.timestamp() * 1000),
        "installation": "",
        "counts": {
            "late": 1,
            "expiring": 0,
            "damaged": 0,
            "crashed": 0,
            "recovered": 0,
            "unwatched": 0,
        },
        "events": [],
    }
    assert call.document["events"][0] | {"url": ""} == {
        "event": "late",
        "identity": "ward3-07",
        "series": None,
        "at_ms": int(STOPPED.timestamp() * 1000),
        "newest_ms": int(NOON.timestamp() * 1000),
        "certificate": None,
        "file": None,
        "url": "",
    }
    assert events[0]["url"].endswith("/admin/analysis/overview/ward3-07/")
    sent_at = datetime.fromtimestamp(int(call.headers["webhook-timestamp"]), UTC)
    expected = signature(SECRET, call.document["id"], sent_at, call.body)
    assert expected.items() <= call.headers.items()
    assert call.headers["content-type"] == "application/json"


def test_recovery_is_sent_where_the_incident_was_sent(receiver: Receiver, mail: Sink) -> None:
    [device] = stopped("ward")
    run_once(STOPPED)
    device.send(STOPPED + MINUTE)
    run_once(STOPPED + 2 * MINUTE)  # too soon after the first
    run_once(STOPPED + 10 * MINUTE)
    assert [call.events() for call in receiver.calls] == [
        [("late", "ward", None)],
        [("recovered", "ward", None)],
    ]
    assert [message["Subject"] for _, message in mail.messages] == [
        "[localhost] 1 overdue",
        "[localhost] 1 recovered",
    ]


def test_an_end_of_monitoring_is_sent(receiver: Receiver) -> None:
    [device] = stopped("ward")
    run_once(STOPPED)
    Identity.objects.filter(pk=device.identity.pk).update(is_active=False)
    run_once(STOPPED + 10 * MINUTE)
    assert receiver.calls[-1].events() == [("unwatched", "ward", None)]


def test_two_hundred_overdue_devices_are_one_mail(mail: Sink, receiver: Receiver) -> None:
    stopped(*(f"bed-{number:03}" for number in range(200)))
    run_once(STOPPED)
    run_once(STOPPED + 20 * MINUTE)
    [(_, message)] = mail.messages
    assert message["Subject"] == "[localhost] 200 overdue"
    assert "bed-049" in text_of(message)
    assert "bed-050" not in text_of(message)
    assert "and 150 more" in text_of(message)
    [call] = receiver.calls
    assert len(call.events()) == 200


def test_events_within_the_group_interval_are_sent_together(receiver: Receiver) -> None:
    first, second, third = (Device(name) for name in ("a", "b", "c"))
    for minutes, device in enumerate((first, second, third)):
        device.send(NOON + minutes * MINUTE)
    for minutes in range(20):
        run_once(STOPPED + minutes * MINUTE)
    assert [len(call.events()) for call in receiver.calls] == [1, 2]


@pytest.mark.parametrize("quiet", ["12:00-15:00", "22:00-15:00"])
def test_quiet_hours_defer_what_is_still_true_afterwards(
    settings: Settings, receiver: Receiver, mail: Sink, quiet: str
) -> None:
    # In Berlin it is two hours later than in UTC on that day.
    settings.QUIET_HOURS = parse_quiet_hours(
        quiet.replace("15", "17").replace("12", "14"), ZoneInfo("Europe/Berlin")
    )
    still, back = stopped("still", "back")
    for minutes in range(0, 118, 30):
        assert run_once(STOPPED + minutes * MINUTE).quiet
    assert still.state() == "overdue, started"  # detected and shown all the same
    back.send(NOON + 2 * HOUR + 50 * MINUTE)
    run_once(NOON + 3 * HOUR - MINUTE)
    assert receiver.calls == []
    run_once(NOON + 3 * HOUR)
    assert [call.events() for call in receiver.calls] == [[("late", "still", None)]]
    assert len(mail.messages) == 1


def test_a_failed_webhook_is_retried_and_mail_does_not_wait(settings: Settings, mail: Sink) -> None:
    with receiving() as gone:
        port = gone.server_port
    settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{port}/hook?key=in-the-address"
    stopped("ward")
    assert (run_once(STOPPED).sent, run_once(STOPPED).failed) == (1, 0)
    waiting = Notification.objects.get(sent_at=None)
    assert (waiting.channel, waiting.attempts) == ("webhook", 1)
    assert waiting.last_error == "no response (ConnectionError)"
    run_once(STOPPED + MINUTE)  # not yet: the pause after the first attempt is two minutes
    assert Notification.objects.get(sent_at=None).attempts == 1
    assert run_once(STOPPED + 2 * MINUTE).failed == 1
    with receiving(port) as back:
        run_once(STOPPED + 6 * MINUTE)
        run_once(STOPPED + 20 * MINUTE)
        assert [call.document["id"] for call in back.calls] == [str(waiting.pk)]
    assert len(mail.messages) == 1
    assert not Notification.objects.filter(sent_at=None).exists()


@pytest.mark.parametrize("status", [500, 404, 302, 307])
def test_any_response_but_2xx_is_a_failure(receiver: Receiver, status: int) -> None:
    receiver.status = status
    stopped("ward")
    assert run_once(STOPPED).failed == 1
    assert len(receiver.calls) == 1  # no redirect was followed
    assert Notification.objects.get().last_error == f"the response was {status}"


def test_a_mail_server_that_refuses_is_retried(mail: Sink) -> None:
    mail.refuses = True
    stopped("ward")
    run_once(STOPPED)
    assert Notification.objects.get().last_error == "the mail server answered 451"
    mail.refuses = False
    run_once(STOPPED + 2 * MINUTE)
    assert len(mail.messages) == 1


def test_the_next_notification_waits_and_reports_what_is_true(
    receiver: Receiver,
) -> None:
    receiver.status = 503
    first, _ = stopped("first", "second")
    run_once(STOPPED)
    third = Device("third")
    third.send(NOON + 30 * MINUTE)
    first.send(STOPPED + 2 * HOUR)
    run_once(STOPPED + 2 * HOUR)
    assert Notification.objects.count() == 1
    receiver.status = 200
    run_once(STOPPED + 2 * HOUR + 10 * MINUTE)
    run_once(STOPPED + 2 * HOUR + 11 * MINUTE)
    sent = [sorted(call.events()) for call in receiver.calls if call is not receiver.calls[1]]
    assert sent[-1] == [("late", "third", None), ("recovered", "first", None)]


def test_after_the_last_attempt_a_new_notification_is_created(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_ATTEMPTS", 2)
    receiver.status = 500
    stopped("ward")
    run_once(STOPPED)
    run_once(STOPPED + 2 * MINUTE)
    abandoned = Notification.objects.get()
    assert abandoned.abandoned_at == STOPPED + 2 * MINUTE
    receiver.status = 200
    run_once(STOPPED + 10 * MINUTE)
    assert receiver.calls[-1].events() == [("late", "ward", None)]
    assert receiver.calls[-1].document["id"] != str(abandoned.pk)


def test_the_attempts_end_after_about_a_day() -> None:
    pauses = [delivery.pause_after(attempts) for attempts in range(1, delivery.MAX_ATTEMPTS)]
    assert pauses[:6] == [timedelta(minutes=minutes) for minutes in (2, 4, 8, 16, 32, 60)]
    assert timedelta(hours=23) < sum(pauses, timedelta()) < timedelta(hours=27)


def test_a_removed_channel_leaves_nothing_waiting(settings: Settings, receiver: Receiver) -> None:
    receiver.status = 500
    stopped("ward")
    run_once(STOPPED)
    settings.ALERT_WEBHOOK_URL = ""
    run_once(STOPPED + MINUTE)
    assert Notification.objects.get().abandoned_at is not None


def test_without_a_channel_nothing_is_created() -> None:
    stopped("ward")
    assert run_once(STOPPED).late == 1
    assert not Notification.objects.exists()


def test_no_address_or_secret_reaches_log_or_row(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 500
    stopped("ward")
    run_once(STOPPED)
    kept = caplog.text + str(Notification.objects.values())
    for secret in ("in-the-address", SECRET, SECRET[10:30]):
        assert secret not in kept
