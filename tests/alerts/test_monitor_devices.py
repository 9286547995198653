"""``manage.py monitor_devices`` with real devices, a real SMTP server and a real webhook."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import timedelta

import pytest

from alerts.models import Incident, MonitorHeartbeat, Notification
from identities.models import Identity
from tests.alerts.conftest import SECRET
from tests.alerts.smtp_sink import Sink
from tests.alerts.webhook_receiver import Receiver
from tests.device_endpoint.processes import child_named
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until
from tests.support.stored_data import new_psk

HOUR_MS = 3_600_000


@pytest.fixture
def identity(device: Device, live_db: None) -> Identity:
    """An identity with a registered device and a reporting interval of an hour."""
    name = f"monitored-{device.sha256[:12]}"
    assert device.register(new_psk(name)).status_code == 200
    Identity.objects.filter(name=name).update(reporting_interval=timedelta(hours=1))
    return Identity.objects.get(name=name)


@pytest.fixture
def notifying_stack(
    stack: Stack, live_db: None, mail: Sink, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Stack:
    """The product with both channels configured."""
    settings = {
        "EMAIL_URL": f"smtp://127.0.0.1:{mail.port}",
        "ALERT_EMAIL_RECIPIENTS": "ada@example.org",
        "ALERT_WEBHOOK_URL": receiver.url,
        "ALERT_WEBHOOK_SECRET": SECRET,
    }
    monkeypatch.setattr(stack, "environment", stack.environment | settings)
    Notification.objects.all().delete()  # or the group interval would delay them
    return stack


def send(device: Device, hours_ago: float) -> None:
    moment = int(time.time() * 1000 - hours_ago * HOUR_MS)
    answer = device.upload(("hr", "f", f"{moment},60\n".encode()))
    assert answer.status_code == 200, answer.text


def test_an_uploaded_backlog_is_catching_up_until_it_ends(
    stack: Stack, device: Device, identity: Identity
) -> None:
    open_incidents = Incident.objects.filter(identity=identity, ended_at=None)
    send(device, hours_ago=5)
    assert stack.manage("monitor_devices").returncode == 0
    assert [(each.is_backfilling, each.started_at) for each in open_incidents] == [(True, None)]
    send(device, hours_ago=0)
    assert stack.manage("monitor_devices").returncode == 0
    assert not open_incidents.all().exists()


def test_both_configured_channels_are_notified(
    notifying_stack: Stack, device: Device, identity: Identity, mail: Sink, receiver: Receiver
) -> None:
    send(device, hours_ago=5)
    identity.measurements.update(received_at=identity.created_at - timedelta(hours=5))
    run = notifying_stack.manage("monitor_devices", "--json")
    assert run.returncode == 0, run.stderr
    printed = json.loads(run.stdout)
    assert (printed["sent"], printed["failed"]) == (2, 0)
    assert ("late", identity.name, None) in receiver.calls[-1].events()
    assert identity.name in str(mail.messages[-1][1])


def test_up_runs_monitoring(stack: Stack, live_db: None) -> None:
    assert stack.process is not None
    MonitorHeartbeat.objects.all().delete()
    # It ran when it was started, and is restarted at once.
    os.kill(child_named(stack.process.pid, "manage.py monitor_devices"), signal.SIGTERM)
    wait_until(MonitorHeartbeat.objects.exists, "a run of monitoring")
    assert "Traceback" not in stack.logs()
