"""``/metrics``: the counters of both services and gauges of the current state."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from ingest.registration_outcomes import Outcome
from tests.device_api.gunicorn_workers import device_workers
from tests.device_endpoint.exposition import grows, scrape, value
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until
from tests.support.stored_data import new_psk

CONTENT = b"1560279835000,93\n1560279836000,94\n"


@pytest.fixture
def bound(live_db: None, make_device: Callable[..., Device]) -> Device:
    device = make_device()
    psk = new_psk(f"metrics-{device.sha256[:12]}")
    assert device.register(psk).status_code == 200
    return device


def test_a_stored_file_counts_files_samples_bytes_and_time(stack: Stack, bound: Device) -> None:
    with ExitStack() as expected:
        for name, by, labels in (
            ("device_endpoint_files_total", 1, {"status": "stored"}),
            ("device_endpoint_files_total", 1, {"status": "duplicate"}),
            ("device_endpoint_samples_total", 2, {}),
            ("device_endpoint_file_bytes_total", 2 * len(CONTENT), {}),
            ("device_endpoint_upload_seconds_count", 2, {}),
        ):
            expected.enter_context(grows(stack, by, name, **labels))
        for _ in range(2):
            assert bound.upload(("pulse", "p", CONTENT)).status_code == 200


def test_replaced_samples_are_counted(stack: Stack, bound: Device) -> None:
    bound.upload(("pulse", "p", CONTENT))
    with grows(stack, 1, "device_endpoint_replaced_samples_total"):
        bound.upload(("pulse", "p", b"1560279835000,60\n"))


@pytest.mark.parametrize(
    ("counter", "content"),
    [("repeated", b"1560279836000,1\n1560279836000,2\n"), ("rounded", b"1,0.10000000000000000001")],
)
def test_values_that_are_not_kept_are_counted(
    stack: Stack, bound: Device, counter: str, content: bytes
) -> None:
    content = content.replace(b"1,0.1", b"1560279837000,0.1")
    with grows(stack, 1, f"device_endpoint_{counter}_samples_total"):
        assert bound.upload(("pulse", "p", content)).status_code == 200


def test_a_rejected_file_counts_as_file_and_as_refusal(stack: Stack, bound: Device) -> None:
    with (
        grows(stack, 1, "device_endpoint_files_total", status="rejected"),
        grows(stack, 1, "device_endpoint_refusals_total", code="unreadable_file"),
    ):
        assert bound.upload(("pulse", "p", b"nonsense\n")).status_code == 422


def test_registrations_count_by_their_outcome(
    stack: Stack, live_db: None, make_device: Callable[..., Device]
) -> None:
    device, other = make_device(), make_device()
    psk = new_psk(f"metrics-{device.sha256[:12]}")
    count = "device_endpoint_registrations_total"
    with (
        grows(stack, 1, count, outcome="registered"),
        grows(stack, 1, count, outcome="already_bound"),
        grows(stack, 1, count, outcome="psk_exhausted"),
        grows(stack, 1, count, outcome="psk_malformed"),
    ):
        statuses = [device.register(psk), device.register(psk), other.register(psk)]
        statuses.append(other.register("not a key"))
        assert [answer.status_code for answer in statuses] == [200, 200, 400, 400]


def test_every_outcome_and_code_is_exported_from_the_start(stack: Stack) -> None:
    shown = scrape(stack)
    for outcome in Outcome:
        value(shown, "device_endpoint_registrations_total", outcome=outcome.value)
    for code in ("internal_error", "too_many_requests", "database_unavailable"):
        value(shown, "device_endpoint_refusals_total", code=code)


def test_the_counts_of_a_killed_worker_are_kept(stack: Stack, bound: Device) -> None:
    bound.upload(("pulse", "p", CONTENT))
    before = value(scrape(stack), "device_endpoint_samples_total")
    workers = device_workers(stack)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(device_workers(stack) - workers) == len(workers), "new workers")
    assert value(scrape(stack), "device_endpoint_samples_total") == before
    with grows(stack, 2, "device_endpoint_samples_total"):
        wait_until(lambda: bound.upload(("again", "p", CONTENT)).status_code == 200, "an upload")


def test_checks_certificates_and_identities_are_exported(stack: Stack, bound: Device) -> None:
    shown = scrape(stack)
    for check in ("database", "migrations", "superuser", "durability", "device_api"):
        assert value(shown, "device_endpoint_check_ok", check=check) == 1
    for state in ("live", "expiring", "expired", "suspended", "revoked", "retired"):
        assert value(shown, "device_endpoint_certificates", state=state) >= 0
    assert value(shown, "device_endpoint_identities", state="active") >= 0
    assert 360 < value(shown, "device_endpoint_server_certificate_days_left") <= 365
