"""Durations as text, overdue devices, expiring certificates and notifications in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from identities.durations import format_duration, parse_duration
from identities.models import Identity
from ingest.models import DeviceCertificate, MeasurementType
from tests.alerts.conftest import HOUR, Device, run_once
from tests.alerts.webhook_receiver import Receiver
from tests.analysis.queries.factories import make_analyst, make_certificate

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def superuser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def analyst() -> Client:
    client = Client()
    client.force_login(make_analyst())
    return client


def text(client: Client, path: str) -> str:
    answer = client.get(f"/admin/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_durations_are_entered_and_shown_as_text(superuser: Client) -> None:
    identity = Identity.objects.create(name="ward")
    page = f"identities/identity/{identity.pk}/change/"
    fields = {"name": "ward", "is_active": "on", "reporting_interval": "90m", "grace_period": ""}
    superuser.post(f"/admin/{page}", fields)
    identity.refresh_from_db()
    assert (identity.reporting_interval, identity.grace_period) == (timedelta(minutes=90), None)
    assert 'name="reporting_interval" value="90m"' in text(superuser, page)
    answer = superuser.post(f"/admin/{page}", fields | {"reporting_interval": "soon"})
    assert "is not a duration" in answer.content.decode()
    superuser.post(f"/admin/{page}", fields | {"reporting_interval": ""})
    identity.refresh_from_db()
    assert identity.reporting_interval is None


def test_a_measurement_type_has_durations_too(superuser: Client) -> None:
    fields = {
        "pattern": "weight",
        "label": "Weight",
        "reporting_interval": "7d",
        "grace_period": "12h",
    }
    superuser.post("/admin/ingest/measurementtype/add/", fields)
    made = MeasurementType.objects.get(pattern="weight")
    assert (made.reporting_interval, made.grace_period) == (7 * DAY, 12 * HOUR)


@pytest.mark.parametrize("given", ["90s", "5m", "90m", "12h", "36h", "7d"])
def test_a_duration_is_shown_as_it_was_entered(given: str) -> None:
    assert format_duration(parse_duration(given)) == given


def test_the_overview_counts_and_lists_overdue_devices(analyst: Client) -> None:
    assert "Monitoring is not running" in text(analyst, "analysis/overview/")
    now = timezone.now()
    late, behind = Device("stopped"), Device("behind")
    for device in (late, behind):
        device.send(now - 3 * HOUR)
    behind.send(now, newest=now - 2 * HOUR)
    run_once(now)
    page = text(analyst, "analysis/overview/")
    assert "▲ 1 overdue" in page
    assert "▶ 1 backfilling" in page
    assert "Monitoring is not running" not in page
    for state, shown, other in (
        ("overdue", "stopped", "behind"),
        ("backfilling", "behind", "stopped"),
    ):
        page = text(analyst, f"analysis/overview/?state={state}")
        assert f"overview/{shown}/" in page
        assert f"overview/{other}/" not in page


def test_certificates_are_filtered_by_expiry(analyst: Client) -> None:
    identity, now = Identity.objects.create(name="ward"), timezone.now()
    ends = {
        "soon": {"not_after": now + 9 * DAY},
        "ended": {"not_after": now - DAY},
        "rolled": {"not_after": now + 9 * DAY, "retires_at": now + DAY},
        "": {"not_after": now + 90 * DAY},
    }
    made = {name: make_certificate(identity, name) for name in ends}
    for name, changes in ends.items():
        DeviceCertificate.objects.filter(pk=made[name].pk).update(**changes)
    for name in ("soon", "ended", "rolled"):
        page = text(analyst, f"ingest/devicecertificate/?ends={name}")
        listed = {other for other in ends if f"/{made[other].pk}/change/" in page}
        assert listed == {name}
    page = text(analyst, "ingest/devicecertificate/")
    assert page.count('<span class="state state-suspended">expires ') == 1
    assert "superseded, until" in page
    assert "◆ 1 certificate expiring soon" in text(analyst, "analysis/overview/")


def test_incidents_and_notifications_are_listed(analyst: Client, receiver: Receiver) -> None:
    receiver.status = 500
    now = timezone.now()
    Device("stopped").send(now - 3 * HOUR)
    run_once(now)
    page = text(analyst, "alerts/incident/?open=yes")
    assert "stopped" in page
    assert "all series" in page
    assert "0 incidents" in text(analyst, "alerts/incident/?open=no")
    page = text(analyst, "alerts/notification/")
    assert "waiting" in page
    assert "the response was 500" in page
    number = page.partition("/change/")[0].rpartition("/")[2]
    assert "overdue: stopped" in text(analyst, f"alerts/notification/{number}/change/")
