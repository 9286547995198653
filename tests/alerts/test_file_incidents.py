"""Damaged files and uploads that kill workers open incidents, and end them when all is well."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from alerts.models import Incident
from ingest.models import InterruptedUpload, Measurement
from tests.alerts.conftest import MINUTE, NOON, Device, run_once
from tests.alerts.smtp_sink import Sink
from tests.alerts.webhook_receiver import Receiver
from tests.analysis.queries.factories import make_measurement

pytestmark = pytest.mark.django_db


def damage(device: Device) -> Measurement:
    """Store a file and change a byte of what was sent."""
    file = make_measurement(device.certificate, b"1,1", samples=1, lines=1)
    Measurement.objects.filter(pk=file.pk).update(sha256=file.pk.bytes * 2)
    return file


def kinds() -> list[tuple[str, str]]:
    return list(Incident.objects.order_by("pk").values_list("kind", "outcome"))


def test_a_download_of_a_damaged_file_opens_one_incident(
    admin_client: Client, receiver: Receiver, mail: Sink
) -> None:
    file = damage(Device("ward", every=None))
    for _ in range(2):
        answer = admin_client.get(f"/admin/ingest/measurement/{file.pk}/content/")
        assert answer.status_code == 503
        assert "file_damaged: its SHA-256 differs" in answer.content.decode()
    assert kinds() == [("damaged", "")]
    incident = Incident.objects.get()
    page = admin_client.get(f"/admin/alerts/incident/{incident.pk}/change/").content.decode()
    assert f"/admin/ingest/measurement/{file.pk}/change/" in page
    run_once(incident.detected_at + MINUTE)
    [event] = receiver.calls[0].document["events"]
    assert (event["event"], event["file"]) == ("damaged", str(file.pk))
    assert mail.messages[0][1]["Subject"] == "[localhost] 1 damaged"


def test_it_ends_when_the_file_is_whole_again_or_gone(admin_client: Client) -> None:
    device = Device("ward", every=None)
    whole, gone = damage(device), damage(device)
    for file in (whole, gone):
        admin_client.get(f"/admin/ingest/measurement/{file.pk}/content/")
    run_once(NOON)
    assert kinds() == [("damaged", ""), ("damaged", "")]
    Measurement.objects.filter(pk=whole.pk).update(
        sha256=make_measurement(device.certificate, b"1,1", "other").sha256
    )
    Measurement.objects.filter(pk=gone.pk).delete()
    run_once(NOON + MINUTE)
    assert kinds() == [("damaged", "recovered"), ("damaged", "unwatched")]


def test_an_upload_that_killed_a_worker_opens_an_incident() -> None:
    device = Device("ward", every=None)
    row = InterruptedUpload.objects.create(
        sha256=device.certificate.sha256,
        size=100_000,
        count=1,
        last_at=NOON,
        retry_at=NOON + timedelta(seconds=15),
    )
    for minute in range(2):
        run_once(NOON + minute * MINUTE)
    assert kinds() == [("crashed", "")]
    assert Incident.objects.get().certificate == device.certificate
    row.delete()
    run_once(NOON + 3 * MINUTE)
    assert kinds() == [("crashed", "recovered")]
