"""The gauges of certificates, by state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from device_endpoint.metrics.collectors import database_gauges
from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.analysis.queries.factories import make_certificate

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def _certificate_counts() -> dict[str, float]:
    return {
        sample.labels["state"]: sample.value
        for metric in database_gauges()
        for sample in metric.samples
        if metric.name == "device_endpoint_certificates"
    }


def test_each_certificate_counts_in_its_state() -> None:
    identity = Identity.objects.create(name="gauges")
    now = datetime.now(UTC)
    before = _certificate_counts()
    states: dict[str, dict[str, Any]] = {
        "valid": {"not_after": now + 300 * DAY},
        "superseded": {"not_after": now + 300 * DAY, "retires_at": now + DAY},
        "expiring": {"not_after": now + 29 * DAY},
        "just-not-expiring": {"not_after": now + 31 * DAY},
        "expired": {"not_after": now - DAY},
        "retired": {"not_after": now + 300 * DAY, "retires_at": now - DAY},
        "suspended": {"state": DeviceCertificate.State.SUSPENDED},
        "revoked": {"state": DeviceCertificate.State.REVOKED, "not_after": now - DAY},
    }
    for seed, changes in states.items():
        made = make_certificate(identity, seed)
        DeviceCertificate.objects.filter(pk=made.pk).update(**changes)
    grown = {state: count - before[state] for state, count in _certificate_counts().items()}
    assert grown == {
        "live": 4,
        "expiring": 1,
        "unreplaced": 1,
        "expired": 1,
        "retired": 1,
        "suspended": 1,
        "revoked": 1,
    }
