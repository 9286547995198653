"""A device renews its certificate, and no interruption leaves it without one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone

from device_client.api import DeviceApi
from device_client.certificate import CertificateFacts, make_credentials, read_facts
from device_client.errors import DeviceError, ProblemResponse
from device_client.renewal import ATTEMPT_INTERVAL_SECONDS, Renewal, is_due
from device_client.retry import RetryPolicy
from device_client.state import StateFolder
from device_endpoint.env import PROJECT_DIR
from identities.models import PreSharedKey
from ingest.models import DeviceCertificate
from tests.client.scripted_server import Scripted, ScriptedServer, problem
from tests.support.examples import IS_LONG_RUN
from tests.support.programs import run_program
from tests.support.stack import Stack
from tests.support.stored_data import new_psk

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAX_ACTS = 40


def _facts(lived: float, left: float) -> CertificateFacts:
    return CertificateFacts("00", NOW - timedelta(days=lived), NOW + timedelta(days=left))


@pytest.mark.parametrize(
    ("lived", "left", "days", "due"),
    [
        (1, 364, None, False),
        (240, 125, None, False),
        (250, 115, None, True),
        (400, -35, None, True),
        (240, 125, 130, True),
        (250, 115, 30, False),
        (1, 364, 1000, False),
        (200, 165, 1000, True),
    ],
)
def test_renewal_is_due_by_lifetime_or_days(
    lived: float, left: float, days: float | None, due: bool
) -> None:
    assert is_due(_facts(lived, left), NOW, days) is due


class AgedDevice:
    """A device whose certificate was made ``lived`` days ago."""

    def __init__(self, stack: Stack, folder: Path, psk: str, *, lived: int = 300) -> None:
        folder.mkdir(mode=0o700)
        self.pem = folder / "device.pem"
        self.pem.write_bytes(make_credentials(datetime.now(UTC) - timedelta(days=lived)))
        self.folder, self.stack, self.psk = folder, stack, psk
        self.first = self.sha256
        self.api = DeviceApi(stack.device_url, self.pem, stack.ca_file)

    @property
    def sha256(self) -> str:
        return read_facts(self.pem.read_bytes()).sha256

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.glob("device*")}

    def run(self, number: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the device in a process that is killed before its act ``number``."""
        arguments = [str(self.folder), self.stack.device_url, str(self.stack.ca_file), str(number)]
        environment = os.environ | {"PYTHONPATH": f"{PROJECT_DIR / 'client'}:{PROJECT_DIR}"}
        return run_program("-m", "tests.client.killed_renewal", *arguments, environment=environment)


@pytest.fixture
def make_aged(stack: Stack, live_db: None, tmp_path: Path) -> Iterator[Callable[..., AgedDevice]]:
    """A function that makes devices of one identity, bound unless expired or not yet valid."""
    psk = new_psk(f"renewing-{uuid4()}", max_uses=MAX_ACTS * 2)
    with ExitStack() as closing_all:
        devices: list[AgedDevice] = []

        def make(lived: int = 300) -> AgedDevice:
            device = AgedDevice(stack, tmp_path / f"device-{len(devices)}", psk, lived=lived)
            devices.append(device)
            closing_all.callback(device.api.close)
            if 0 <= lived < 365:
                device.api.register(psk)
            return device

        yield make


def _get_certificate(sha256: str) -> DeviceCertificate:
    return DeviceCertificate.objects.get(sha256=bytes.fromhex(sha256))


def _reconnect_identity(device: AgedDevice) -> str:
    device.api.close()
    return device.api.whoami().identity


def test_the_old_certificate_works_during_the_overlap(
    make_aged: Callable[..., AgedDevice],
) -> None:
    device = make_aged()
    assert device.run().returncode == 0
    assert device.sha256 != device.first
    assert device.files == {"device.pem"}
    assert device.pem.stat().st_mode & 0o777 == 0o600
    new, old = _get_certificate(device.sha256), _get_certificate(device.first)
    assert new.replaces == old
    assert new.identity == old.identity
    assert old.retires_at is not None
    assert old.retires_at > timezone.now()


def test_a_young_certificate_is_not_renewed(make_aged: Callable[..., AgedDevice]) -> None:
    device = make_aged(lived=10)
    assert device.run().returncode == 0
    assert device.sha256 == device.first


def test_a_power_cut_at_any_step_leaves_one_live_certificate(
    make_aged: Callable[..., AgedDevice],
) -> None:
    for number in range(1, MAX_ACTS):
        device = make_aged()
        killed = device.run(number)
        if killed.returncode == 0:
            break
        assert killed.returncode == -9, killed.stderr
        assert _reconnect_identity(device), f"locked out after act {number - 1}"
        after = device.run()
        assert after.returncode == 0, f"after act {number - 1}: {after.stderr}"
        assert device.files == {"device.pem"}, f"after act {number - 1}"
        assert device.sha256 != device.first
        assert _get_certificate(device.sha256).replaces == _get_certificate(device.first)
        _assert_one_successor(device, number)
    else:
        pytest.fail("it never finished")
    assert number > 8  # whoami, key and certificate, renewal key, register, whoami, rename


def _assert_one_successor(device: AgedDevice, number: int) -> None:
    successors = DeviceCertificate.objects.filter(replaces=_get_certificate(device.first))
    assert successors.count() == 1, f"after act {number - 1} a second certificate was registered"


def test_a_renewal_completes_after_the_old_one_retired(
    make_aged: Callable[..., AgedDevice],
) -> None:
    # The first acts come before the registration of the new certificate.
    for number in range(1 if IS_LONG_RUN else 6, MAX_ACTS):
        device = make_aged()
        assert device.run(number).returncode == -9
        if DeviceCertificate.objects.filter(replaces=_get_certificate(device.first)).exists():
            break
    DeviceCertificate.objects.filter(pk=_get_certificate(device.first).pk).update(
        retires_at=timezone.now()
    )
    after = device.run()
    assert after.returncode == 0, after.stderr
    assert device.sha256 != device.first


def test_an_expired_device_needs_a_new_key(
    make_aged: Callable[..., AgedDevice], stack: Stack
) -> None:
    device = make_aged(lived=400)
    options = ["--url", stack.device_url, "--state-dir", str(device.folder), "--samples", "2"]
    alone = stack.manage("simulate_device", *options)
    assert (alone.returncode, device.sha256) == (1, device.first)
    assert "certificate_" in alone.stderr
    run = stack.manage("simulate_device", *options, "--psk", device.psk, "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["certificate"]["sha256"] == device.sha256 != device.first
    assert device.files == {"device.pem"}


@pytest.mark.parametrize("lived", [-30, 20_000], ids=["ahead", "in 1972"])
def test_a_certificate_made_with_a_wrong_clock_is_replaced(
    make_aged: Callable[..., AgedDevice], lived: int
) -> None:
    device = make_aged(lived)
    state = StateFolder(device.folder)
    renewal = Renewal(state, device.api, lambda facts: None, _raise)
    with pytest.raises(ProblemResponse, match=r"certificate_(not_yet_valid|expired)"):
        renewal.ensure_registered("", RetryPolicy(max_wait_seconds=0))
    known = renewal.ensure_registered(device.psk, RetryPolicy(max_wait_seconds=0))
    state.close()
    assert known.certificate["sha256"] == device.sha256 != device.first


def test_simulate_device_renews_and_keeps_sending(
    make_aged: Callable[..., AgedDevice], stack: Stack
) -> None:
    device = make_aged()
    run = stack.manage(
        *("simulate_device", "--url", stack.device_url, "--state-dir", str(device.folder)),
        *("--samples", "3", "--uploads", "2"),
    )
    assert run.returncode == 0, run.stderr
    registered, renewed, *receipts = run.stdout.splitlines()
    assert device.first in registered
    assert renewed == f"renewed ({device.sha256})"
    assert len(receipts) == 2
    uploaded = _get_certificate(device.sha256).measurements.count()
    assert uploaded == 2


def test_renewal_uses_the_servers_clock(
    make_aged: Callable[..., AgedDevice],
) -> None:
    device = make_aged()
    state = StateFolder(device.folder)
    slow = timedelta(days=3000)
    renewal = Renewal(
        state,
        device.api,
        lambda facts: None,
        _raise,
        clock=(datetime.now(UTC) - slow).timestamp,
    )
    renewal.ensure_registered("", RetryPolicy(max_wait_seconds=0))
    renewal.attempt_renewal()
    state.close()
    assert device.sha256 != device.first
    assert abs(renewal.offset - slow) < timedelta(minutes=5)


def _raise(error: DeviceError) -> None:
    raise error


def test_a_renewal_uses_one_key_and_leaves_none_open(
    make_aged: Callable[..., AgedDevice],
) -> None:
    device = make_aged()
    assert device.run().returncode == 0
    keys = PreSharedKey.objects.filter(renewal__certificate=_get_certificate(device.first))
    assert [key.uses for key in keys] == [1]


UNBOUND = Scripted(403, problem(403, "certificate_not_bound", True))


def _scripted_renewal(
    state: StateFolder, api: DeviceApi, errors: list[DeviceError], now: list[float]
) -> Renewal:
    return Renewal(state, api, _fail_if_renewed, errors.append, days=1000, clock=lambda: now[0])


def _fail_if_renewed(facts: CertificateFacts) -> None:
    raise AssertionError(facts)


def test_a_failed_renewal_is_reported_and_retried_hourly(
    state: StateFolder,
    serve: Callable[[list[Scripted]], ScriptedServer],
    connect: Callable[[ScriptedServer], DeviceApi],
) -> None:
    before = state.credentials.read_bytes()
    server = serve([UNBOUND, Scripted(400, problem(400, "invalid_json", False))])
    errors: list[DeviceError] = []
    now = [(datetime.now(UTC) + timedelta(days=300)).timestamp()]
    renewal = _scripted_renewal(state, connect(server), errors, now)
    renewal.attempt_renewal()
    renewal.attempt_renewal()
    assert [str(error).split(" [")[0] for error in errors] == [
        "400 Invalid json: Scripted: invalid_json. (invalid_json)"
    ]
    assert state.credentials.read_bytes() == before
    now[0] += ATTEMPT_INTERVAL_SECONDS
    renewal.attempt_renewal()
    assert len(errors) == 2


def test_an_unusable_next_certificate_is_deleted(
    state: StateFolder,
    serve: Callable[[list[Scripted]], ScriptedServer],
    connect: Callable[[ScriptedServer], DeviceApi],
) -> None:
    before = state.credentials.read_bytes()
    responses = [
        UNBOUND,
        Scripted(200, {"PSK": "dpsk_x"}),
        Scripted(400, problem(400, "certificate_not_yet_valid", False)),
    ]
    errors: list[DeviceError] = []
    now = [(datetime.now(UTC) + timedelta(days=300)).timestamp()]
    _scripted_renewal(state, connect(serve(responses)), errors, now).attempt_renewal()
    assert isinstance(errors[0], ProblemResponse)
    assert not state.has_next
    assert state.credentials.read_bytes() == before
