"""On a full or failing disk no file is incomplete, and waiting files are still sent."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device_client.api import DeviceApi, Registration
from device_client.delivery import Deliverer
from device_client.errors import CertificateNotTrusted, DeviceError, StateError
from device_client.multipart import FilePart
from device_client.retry import RetryPolicy
from device_client.simulator import Schedule, Simulation
from device_client.spool import Spool
from device_client.state import StateFolder
from tests.client.scripted_server import Scripted, ScriptedServer

SMALL = FilePart("hr", "small", b"1560279835000,93\n")
LARGE = FilePart("hr", "large", b"1560279835000,93\n" * 10_000)

Serve = Callable[[list[Scripted]], ScriptedServer]
Connect = Callable[[ScriptedServer], DeviceApi]


@contextmanager
def full_disk() -> Iterator[None]:
    """Limit files to 4 KiB, so that writes fail in the middle of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def receipt_for(part: FilePart) -> Scripted:
    receipt = {"name": part.name, "sha256": part.sha256, "status": "stored"}
    return Scripted(200, {"files": [receipt]})


def make_deliverer(state: StateFolder, api: DeviceApi, refusals: list[str]) -> Deliverer:
    return Deliverer(
        state.spool,
        api,
        Registration("ward-3", {}),
        lambda receipt: None,
        lambda reason, kept: refusals.append(reason),
    )


def test_adding_a_file_to_a_full_disk_is_an_error(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept = spool.add(SMALL)
    with full_disk(), pytest.raises(StateError, match=r"cannot write .*: File too large"):
        spool.add(LARGE)
    assert list(spool.folder.iterdir()) == [kept.path]
    assert spool.add(LARGE).read() == LARGE


def test_a_failed_write_leaves_the_old_key(state: StateFolder) -> None:
    before = state.credentials.read_bytes()
    with full_disk(), pytest.raises(StateError, match="cannot write"):
        state.write_authorities(b"x" * 10_000)
    assert state.credentials.read_bytes() == before
    assert not list(state.path.glob("*.draft"))


def test_a_refused_file_moves_without_its_reason_on_a_full_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    waiting = spool.add(SMALL)
    with full_disk():
        kept = spool.move_to_refused(waiting, "x" * 10_000)
    assert spool.list_pending() == []
    assert kept.read_bytes().endswith(SMALL.content)


def test_a_damaged_file_does_not_block_the_others(
    state: StateFolder, serve: Serve, connect: Connect
) -> None:
    state.spool.add(SMALL).path.write_bytes(b"\xff\xfe\x00")
    state.spool.add(LARGE)
    refusals: list[str] = []
    make_deliverer(state, connect(serve([receipt_for(LARGE)])), refusals).send_pending()
    assert state.spool.list_pending() == []
    assert [reason.partition(" is ")[2] for reason in refusals] == [
        "damaged: its header is unreadable"
    ]


def test_damaged_files_alone_send_no_request(
    state: StateFolder, serve: Serve, connect: Connect
) -> None:
    state.spool.add(SMALL).path.write_bytes(b"")
    server = serve([Scripted(500, {})])
    make_deliverer(state, connect(server), []).send_pending()
    assert server.requests == []


def test_foreign_files_in_the_spool_are_left_alone(tmp_path: Path) -> None:
    Spool(tmp_path)
    foreign = tmp_path / "spool" / "notes.upload"
    foreign.write_text("not ours")
    spool = Spool(tmp_path)
    assert spool.list_pending() == []
    assert spool.add(SMALL).path.name == "000000000001.upload"
    assert foreign.exists()


class _HourOver(Exception):
    """Ends an endless simulation."""


class _Clock:
    """A clock that advances on sleep and raises ``_HourOver`` after an hour."""

    def __init__(self) -> None:
        self.now = self.start = time.time()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > self.start + 3600:
            raise _HourOver


def make_endless(state: StateFolder, api: DeviceApi, errors: list[DeviceError]) -> Simulation:
    clock = _Clock()
    return Simulation(
        Schedule(round(clock.now * 1000), samples=600, uploads=0, interval_seconds=0),
        1,
        state.spool,
        make_deliverer(state, api, []),
        RetryPolicy(sleep=clock.sleep),
        errors.append,
        clock=clock,
    )


def test_a_device_with_a_full_disk_sends_its_waiting_files(
    state: StateFolder, serve: Serve, connect: Connect
) -> None:
    state.spool.add(SMALL)
    server = serve([receipt_for(SMALL)])
    errors: list[DeviceError] = []
    with full_disk(), pytest.raises(_HourOver):
        make_endless(state, connect(server), errors).run()
    assert len(server.requests) == 1
    assert {type(error) for error in errors} == {StateError}
    assert 55 <= len(errors) <= 62  # once a minute, for an hour
    assert state.spool.list_pending() == []


def test_a_device_keeps_recording_while_the_server_is_untrusted(
    state: StateFolder, serve: Serve
) -> None:
    server = serve([receipt_for(SMALL)])
    api = DeviceApi(server.url, state.credentials, state.credentials)
    errors: list[DeviceError] = []
    with pytest.raises(_HourOver):
        make_endless(state, api, errors).run()
    api.close()
    assert {type(error) for error in errors} == {CertificateNotTrusted}
    assert len(state.spool.list_pending()) >= 6  # at once, and one every ten minutes
    assert server.requests == []
