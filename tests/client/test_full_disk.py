"""A device whose disk is full, or fails: nothing half-written, and what waits is sent."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device_client.api import Door, Registration
from device_client.delivery import Deliverer
from device_client.errors import DeviceError, StateError, Untrusted
from device_client.multipart import FilePart
from device_client.retry import Patience
from device_client.schedule import Schedule
from device_client.simulator import Simulation
from device_client.spool import Spool
from device_client.state import StateFolder
from tests.client.scripted_server import Scripted, ScriptedServer

SMALL = FilePart("hr", "small", b"1560279835000,93\n")
LARGE = FilePart("hr", "large", b"1560279835000,93\n" * 10_000)

Serve = Callable[[list[Scripted]], ScriptedServer]
OpenDoor = Callable[[ScriptedServer], Door]


@contextmanager
def no_room() -> Iterator[None]:
    """Have the system refuse files of more than 4 KiB: writes fail in the middle of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def received(part: FilePart) -> Scripted:
    receipt = {"name": part.name, "sha256": part.sha256, "status": "stored"}
    return Scripted(200, {"files": [receipt]})


def deliverer(state: StateFolder, door: Door, refusals: list[str]) -> Deliverer:
    return Deliverer(
        state.spool,
        door,
        Registration("ward-3", {}),
        lambda receipt: None,
        lambda reason, kept: refusals.append(reason),
    )


def test_a_file_that_finds_no_room_is_said_not_to_be_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept = spool.add(SMALL)
    with no_room(), pytest.raises(StateError, match=r"cannot write .*: File too large"):
        spool.add(LARGE)
    assert list(spool.folder.iterdir()) == [kept.path]
    assert spool.add(LARGE).read() == LARGE


def test_a_key_that_finds_no_room_leaves_the_old_one(state: StateFolder) -> None:
    before = state.credentials.read_bytes()
    with no_room(), pytest.raises(StateError, match="cannot write"):
        state.write_authorities(b"x" * 10_000)
    assert state.credentials.read_bytes() == before
    assert not list(state.path.glob("*.draft"))


def test_a_refused_file_is_out_of_the_way_though_its_reason_finds_no_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    waiting = spool.add(SMALL)
    with no_room():
        kept = spool.set_aside(waiting, "x" * 10_000)
    assert spool.pending() == []
    assert kept.read_bytes().endswith(SMALL.content)


def test_a_damaged_file_is_set_aside_and_does_not_hold_up_the_others(
    state: StateFolder, serve: Serve, open_door: OpenDoor
) -> None:
    state.spool.add(SMALL).path.write_bytes(b"\xff\xfe\x00")
    state.spool.add(LARGE)
    refusals: list[str] = []
    deliverer(state, open_door(serve([received(LARGE)])), refusals).send_pending()
    assert state.spool.pending() == []
    assert [reason.partition(" is ")[2] for reason in refusals] == [
        "damaged: it does not say what it is"
    ]


def test_a_spool_of_damaged_files_alone_is_no_request(
    state: StateFolder, serve: Serve, open_door: OpenDoor
) -> None:
    state.spool.add(SMALL).path.write_bytes(b"")
    server = serve([Scripted(500, {})])
    deliverer(state, open_door(server), []).send_pending()
    assert server.requests == []


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    Spool(tmp_path)
    strange = tmp_path / "spool" / "notes.upload"
    strange.write_text("not ours")
    spool = Spool(tmp_path)
    assert spool.pending() == []
    assert spool.add(SMALL).path.name == "000000000001.upload"
    assert strange.exists()


class _Ended(Exception):
    """The end of what would go on without end."""


class _Clock:
    """Time that passes when somebody sleeps, and ends after an hour."""

    def __init__(self) -> None:
        self.now = self.start = time.time()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > self.start + 3600:
            raise _Ended


def endless(state: StateFolder, door: Door, troubles: list[DeviceError]) -> Simulation:
    clock = _Clock()
    return Simulation(
        Schedule(round(clock.now * 1000), samples=600, uploads=0, interval_s=0),
        1,
        state.spool,
        deliverer(state, door, []),
        Patience(sleep=clock.sleep),
        troubles.append,
        clock=clock,
    )


def test_a_device_without_room_for_more_sends_what_it_has(
    state: StateFolder, serve: Serve, open_door: OpenDoor
) -> None:
    state.spool.add(SMALL)
    server = serve([received(SMALL)])
    troubles: list[DeviceError] = []
    with no_room(), pytest.raises(_Ended):
        endless(state, open_door(server), troubles).run()
    assert len(server.requests) == 1
    assert {type(trouble) for trouble in troubles} == {StateError}
    assert 55 <= len(troubles) <= 62  # once a minute, for an hour
    assert state.spool.pending() == []


def test_a_device_waits_for_a_server_whose_certificate_is_not_good_any_more(
    state: StateFolder, serve: Serve
) -> None:
    server = serve([received(SMALL)])
    door = Door(server.url, state.credentials, state.credentials)
    troubles: list[DeviceError] = []
    with pytest.raises(_Ended):
        endless(state, door, troubles).run()
    door.close()
    assert {type(trouble) for trouble in troubles} == {Untrusted}
    assert len(state.spool.pending()) >= 6  # at once, and one every ten minutes
    assert server.requests == []
