"""GET: is the connection good, who am I, what may I send?"""

from __future__ import annotations

import time
from datetime import datetime

from identities.models import Identity
from ingest.models import Measurement, RegistrationAttempt
from tests.device_api.assertions import accepted, refused
from tests.support.devices import Device

LIMITS = {
    "request_bytes": 64 * 1024 * 1024,
    "files": 100,
    "lines_per_file": 4_000_000,
    "values_per_file": 4_000_000,
    "hours_per_request": 30_000,
    "requests_per_second": 2000,
    "connections": 256,
    "refused_registrations_per_minute": 60,
    "refused_registrations_per_minute_and_address": 600,
}


def test_a_registered_device_gets_its_identity(bound: Device, identity: Identity) -> None:
    body = accepted(bound.whoami())
    assert set(body) == {"identity", "certificate", "already_bound", "limits", "server_time_ms"}
    assert body["identity"] == identity.name
    assert body["already_bound"] is True
    assert set(body["certificate"]) == {"sha256", "not_after"}
    assert body["certificate"]["sha256"] == bound.sha256
    not_after = datetime.fromisoformat(body["certificate"]["not_after"])
    assert not_after == bound.certificate.not_valid_after_utc


def test_the_limits_are_published(bound: Device) -> None:
    limits = accepted(bound.whoami())["limits"]
    assert LIMITS.items() <= limits.items()
    assert all(isinstance(limit, int) for limit in limits.values())


def test_the_time_of_the_server_is_in_milliseconds(bound: Device) -> None:
    before = time.time_ns() // 1_000_000
    body = accepted(bound.whoami())
    assert before <= body["server_time_ms"] <= time.time_ns() // 1_000_000
    assert body["limits"]["earliest_ms"] == 946_684_800_000
    assert body["limits"]["latest_ms"] - body["server_time_ms"] <= 86_400_000


def test_an_unknown_device_gets_its_fingerprint(device: Device) -> None:
    body = refused(device.whoami(), 403, "certificate_not_bound", "certificate")
    assert body["certificate"] == {"sha256": device.sha256}


def test_asking_changes_nothing(bound: Device, device: Device) -> None:
    before = RegistrationAttempt.objects.count(), Measurement.objects.count()
    for _ in range(3):
        bound.whoami()
        device.whoami()
    assert (RegistrationAttempt.objects.count(), Measurement.objects.count()) == before


def test_the_answer_is_json_whatever_is_accepted(bound: Device) -> None:
    for accept in ("text/csv", "text/html", "application/xml;q=1", "nonsense", ""):
        accepted(bound.request("GET", headers={"Accept": accept}))


def test_a_parameter_named_format_means_nothing(bound: Device) -> None:
    for query in ("?format=api", "?format=csv", "?x=%00"):
        accepted(bound.request("GET", url=bound.url + query))


def test_the_answer_must_not_be_cached(bound: Device) -> None:
    assert bound.whoami().headers["Cache-Control"] == "no-store"
