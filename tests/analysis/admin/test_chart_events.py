"""Notes, incidents, withdrawals and changes of devices stand on the chart of their series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from alerts.models import Incident
from analysis.models import Annotation
from identities.models import Identity
from ingest.models import CertificateReassignment, DeviceCertificate, Withdrawal
from tests.analysis.queries.factories import (
    make_analyst,
    make_certificate,
    make_measurement,
    make_series,
)

URL = "/admin/analysis/series/ward3-07/hr/events/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOON_MS = int(NOON.timestamp()) * 1000


@pytest.fixture
def identity(db: None) -> Identity:
    """Store an identity with an event of each kind at noon."""
    identity = Identity.objects.create(name="ward3-07")
    make_series(identity, "hr", {NOON_MS - 7_200_000: 60.0, NOON_MS + 7_200_000: 61.0})
    Annotation.objects.create(
        identity=identity, starts_at=NOON, ends_at=NOON + HOUR, text="fell off", created_by="ada"
    )
    Incident.objects.create(
        kind="late", identity=identity, name="hr", started_at=NOON, ended_at=NOON + HOUR
    )
    certificate = make_certificate(identity, "one")
    DeviceCertificate.objects.update(bound_at=NOON, label="left wrist")
    file = make_measurement(
        certificate, b"1", status="withdrawn", first_ms=NOON_MS, last_ms=NOON_MS + 1000
    )
    Withdrawal.objects.create(measurement=file, created_by="ada", reason="mistake")
    CertificateReassignment.objects.create(
        certificate=certificate, to_identity=identity, created_at=NOON, created_by="ada"
    )
    return identity


@pytest.fixture
def analyst(identity: Identity) -> Client:
    client = Client()
    client.force_login(make_analyst())
    return client


def events(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(URL, query)
    assert answer.status_code == 200
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_each_kind_is_there_with_its_page(analyst: Client) -> None:
    found = events(analyst)
    kinds = sorted(event["kind"] for event in found)
    assert kinds == ["annotation", "certificate", "certificate", "incident", "withdrawal"]
    assert {event["from_ms"] for event in found} == {NOON_MS}
    texts = {event["text"] for event in found}
    assert {"fell off (ada)", "Registered: left wrist", "A file was withdrawn"} <= texts
    assert all(analyst.get(event["url"]).status_code == 200 for event in found)


def test_other_times_and_series_have_others(analyst: Client, identity: Identity) -> None:
    assert events(analyst, to=NOON_MS) == []
    later = events(analyst, **{"from": NOON_MS + 1_800_000})
    assert [event["kind"] for event in later] == ["annotation", "incident"]
    Annotation.objects.update(name="ibi")
    assert "annotation" not in {event["kind"] for event in events(analyst)}


def test_a_wrong_range_is_refused(analyst: Client) -> None:
    answer = analyst.get(URL, {"from": "yesterday"})
    assert answer.status_code == 400
    assert "from" in answer.json()["detail"]


def test_a_kind_needs_its_permission(identity: Identity) -> None:
    user = get_user_model().objects.create_user("reader", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_sampleblock"))
    client = Client()
    client.force_login(user)
    assert events(client) == []
