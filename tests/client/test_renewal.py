"""A device renews its certificate unasked, and no interruption leaves it without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone

from device_client.api import Door
from device_client.certificate import CertificateFacts, make_credentials, read_facts
from device_client.errors import DeviceError, Refused
from device_client.renewal import PAUSE_SECONDS, Renewal, enter, is_due
from device_client.retry import Patience
from device_client.state import StateFolder
from device_endpoint.env import PROJECT_DIR
from identities.models import PreSharedKey
from ingest.models import DeviceCertificate
from tests.client.scripted_server import Scripted, ScriptedServer, problem
from tests.support.stack import Stack

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
def test_it_is_due_with_a_third_of_its_life_left_or_the_days_that_are_set(
    lived: float, left: float, days: float | None, due: bool
) -> None:
    assert is_due(_facts(lived, left), NOW, days) is due


class Old:
    """A bound device whose certificate has little of its life left, and what it needs."""

    def __init__(self, stack: Stack, folder: Path, psk: str, *, lived: int = 300) -> None:
        folder.mkdir(mode=0o700)
        self.pem = folder / "device.pem"
        self.pem.write_bytes(make_credentials(datetime.now(UTC) - timedelta(days=lived)))
        self.folder, self.stack, self.psk = folder, stack, psk
        self.first = self.sha256
        self.door = Door(stack.device_url, self.pem, stack.ca_file)

    @property
    def sha256(self) -> str:
        return read_facts(self.pem.read_bytes()).sha256

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.glob("device*")}

    def run(self, number: int = 0) -> subprocess.CompletedProcess[str]:
        """Run it as a process that dies before its act ``number``."""
        arguments = [str(self.folder), self.stack.device_url, str(self.stack.ca_file), str(number)]
        return subprocess.run(
            [sys.executable, str(Path(__file__).with_name("killed_client.py")), *arguments],
            env=os.environ | {"PYTHONPATH": str(PROJECT_DIR / "client")},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def make_old(stack: Stack, live_db: None, tmp_path: Path) -> Iterator[Callable[..., Old]]:
    """Give a function that makes devices of one identity, bound unless they ended before."""
    psk = stack.issue_psk(f"renewing-{uuid4()}", "--max-uses", str(MAX_ACTS * 2))
    with ExitStack() as closing_all:
        made: list[Old] = []

        def make(lived: int = 300) -> Old:
            device = Old(stack, tmp_path / f"device-{len(made)}", psk, lived=lived)
            made.append(device)
            closing_all.callback(device.door.close)
            if 0 <= lived < 365:
                device.door.register(psk)
            return device

        yield make


def _certificate(sha256: str) -> DeviceCertificate:
    return DeviceCertificate.objects.get(sha256=bytes.fromhex(sha256))


def _identity(device: Old) -> str:
    device.door.close()
    return device.door.whoami().identity


def test_the_new_certificate_replaces_the_old_one_which_is_good_for_the_overlap(
    make_old: Callable[..., Old],
) -> None:
    device = make_old()
    assert device.run().returncode == 0
    assert device.sha256 != device.first
    assert device.files == {"device.pem"}
    assert device.pem.stat().st_mode & 0o777 == 0o600
    new, old = _certificate(device.sha256), _certificate(device.first)
    assert new.replaces == old
    assert new.identity == old.identity
    assert old.retires_at is not None
    assert old.retires_at > timezone.now()


def test_a_young_certificate_is_left_alone(make_old: Callable[..., Old]) -> None:
    device = make_old(lived=10)
    assert device.run().returncode == 0
    assert device.sha256 == device.first


def test_whenever_its_power_goes_the_device_ends_with_one_good_certificate(
    make_old: Callable[..., Old],
) -> None:
    for number in range(1, MAX_ACTS):
        device = make_old()
        killed = device.run(number)
        if killed.returncode == 0:
            break
        assert killed.returncode == -9, killed.stderr
        assert _identity(device), f"locked out after act {number - 1}"
        after = device.run()
        assert after.returncode == 0, f"after act {number - 1}: {after.stderr}"
        assert device.files == {"device.pem"}, f"after act {number - 1}"
        assert device.sha256 != device.first
        assert _certificate(device.sha256).replaces == _certificate(device.first)
        _certificate_count(device, number)
    else:
        pytest.fail("it never came to its end")
    assert number > 8  # asked, written, rolled, registered, asked, renamed: each was a last act


def _certificate_count(device: Old, number: int) -> None:
    heirs = DeviceCertificate.objects.filter(replaces=_certificate(device.first))
    assert heirs.count() == 1, f"after act {number - 1} a second certificate was registered"


def test_it_goes_on_even_if_the_old_one_was_retired_while_it_had_no_power(
    make_old: Callable[..., Old],
) -> None:
    for number in range(1, MAX_ACTS):
        device = make_old()
        assert device.run(number).returncode == -9
        if DeviceCertificate.objects.filter(replaces=_certificate(device.first)).exists():
            break
    DeviceCertificate.objects.filter(pk=_certificate(device.first).pk).update(
        retires_at=timezone.now()
    )
    after = device.run()
    assert after.returncode == 0, after.stderr
    assert device.sha256 != device.first


def test_after_its_end_a_device_needs_a_new_key_and_makes_a_new_certificate(
    make_old: Callable[..., Old], stack: Stack
) -> None:
    device = make_old(lived=400)
    options = ["--url", stack.device_url, "--state-dir", str(device.folder), "--samples", "2"]
    alone = stack.manage("simulate_device", *options)
    assert (alone.returncode, device.sha256) == (1, device.first)
    assert "certificate_" in alone.stderr
    run = stack.manage("simulate_device", *options, "--psk", device.psk, "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["certificate"]["sha256"] == device.sha256 != device.first
    assert device.files == {"device.pem"}


@pytest.mark.parametrize("lived", [-30, 20_000], ids=["ahead", "in 1972"])
def test_a_certificate_that_was_made_while_the_clock_was_wrong_is_replaced(
    make_old: Callable[..., Old], lived: int
) -> None:
    device = make_old(lived)
    state = StateFolder(device.folder)
    renewal = Renewal(state, device.door, lambda facts: None, _raise)
    with pytest.raises(Refused, match=r"certificate_(not_yet_valid|expired)"):
        enter(renewal, "", Patience(seconds=0))
    known = enter(renewal, device.psk, Patience(seconds=0))
    state.close()
    assert known.certificate["sha256"] == device.sha256 != device.first


def test_simulate_device_renews_unasked_and_sends_on(
    make_old: Callable[..., Old], stack: Stack
) -> None:
    device = make_old()
    run = stack.manage(
        *("simulate_device", "--url", stack.device_url, "--state-dir", str(device.folder)),
        *("--samples", "3", "--uploads", "2"),
    )
    assert run.returncode == 0, run.stderr
    registered, renewed, *receipts = run.stdout.splitlines()
    assert device.first in registered
    assert renewed == f"renewed ({device.sha256})"
    assert len(receipts) == 2
    uploaded = _certificate(device.sha256).measurements.count()
    assert uploaded == 2


def test_the_servers_clock_decides_since_a_devices_own_may_be_years_off(
    make_old: Callable[..., Old],
) -> None:
    device = make_old()
    state = StateFolder(device.folder)
    slow = timedelta(days=3000)
    renewal = Renewal(
        state,
        device.door,
        lambda facts: None,
        _raise,
        clock=(datetime.now(UTC) - slow).timestamp,
    )
    enter(renewal, "", Patience(seconds=0))
    renewal.attempt()
    state.close()
    assert device.sha256 != device.first
    assert abs(renewal.offset - slow) < timedelta(minutes=5)


def _raise(error: DeviceError) -> None:
    raise error


def test_a_key_is_open_for_one_device_only_and_none_is_left_open(
    make_old: Callable[..., Old],
) -> None:
    device = make_old()
    assert device.run().returncode == 0
    asked = PreSharedKey.objects.filter(renewal__certificate=_certificate(device.first))
    assert [key.uses for key in asked] == [1]


UNBOUND = Scripted(403, problem(403, "certificate_not_bound", True))


def _scripted_renewal(
    state: StateFolder, door: Door, told: list[DeviceError], now: list[float]
) -> Renewal:
    return Renewal(state, door, _never, told.append, days=1000, clock=lambda: now[0])


def _never(facts: CertificateFacts) -> None:
    raise AssertionError(facts)


def test_a_renewal_that_fails_is_told_and_tried_again_after_an_hour(
    state: StateFolder,
    serve: Callable[[list[Scripted]], ScriptedServer],
    open_door: Callable[[ScriptedServer], Door],
) -> None:
    before = state.credentials.read_bytes()
    server = serve([UNBOUND, Scripted(400, problem(400, "invalid_json", False))])
    told: list[DeviceError] = []
    now = [(datetime.now(UTC) + timedelta(days=300)).timestamp()]
    renewal = _scripted_renewal(state, open_door(server), told, now)
    renewal.attempt()
    renewal.attempt()
    assert [str(error).split(" [")[0] for error in told] == [
        "400 Invalid json: Told by the script: invalid_json. (invalid_json)"
    ]
    assert state.credentials.read_bytes() == before
    now[0] += PAUSE_SECONDS
    renewal.attempt()
    assert len(told) == 2


def test_a_next_certificate_that_the_server_will_never_take_is_forgotten(
    state: StateFolder,
    serve: Callable[[list[Scripted]], ScriptedServer],
    open_door: Callable[[ScriptedServer], Door],
) -> None:
    before = state.credentials.read_bytes()
    answers = [
        UNBOUND,
        Scripted(200, {"PSK": "dpsk_x"}),
        Scripted(400, problem(400, "certificate_not_yet_valid", False)),
    ]
    told: list[DeviceError] = []
    now = [(datetime.now(UTC) + timedelta(days=300)).timestamp()]
    _scripted_renewal(state, open_door(serve(answers)), told, now).attempt()
    assert isinstance(told[0], Refused)
    assert not state.has_next
    assert state.credentials.read_bytes() == before
