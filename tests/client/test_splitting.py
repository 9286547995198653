"""A file that a server finds too large is split by time, and the parts give the same samples."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_client.api import DeviceApi, Registration
from device_client.delivery import Deliverer
from device_client.errors import ProblemResponse
from device_client.multipart import FilePart
from device_client.responses import Receipt
from device_client.splitting import Limits, split_by_time
from device_client.state import StateFolder
from tests.client.scripted_server import Scripted, ScriptedServer, problem

HOUR_MS = 3_600_000
TOO_LARGE = Scripted(413, problem(413, "too_many_hours", False))


def _samples(contents: list[bytes]) -> dict[tuple[str, int], str]:
    """Return the samples of files that are stored one after the other."""
    found: dict[tuple[str, int], str] = {}
    for content in contents:
        for line in content.decode().removeprefix("\ufeff").split():
            time, *values = line.split(",")
            found |= {(time, column): value for column, value in enumerate(values) if value}
    return found


def test_parts_keep_every_published_limit() -> None:
    times = list(range(0, 40 * HOUR_MS, HOUR_MS // 10))
    random.Random(1).shuffle(times)  # noqa: S311
    content = b"time_ms,x,y\n" + b"".join(b"%d,1.5,2.5\n" % (10**12 + time) for time in times)
    published = {
        "request_bytes": 4096 + 800,
        "lines_per_file": 50,
        "values_per_file": 60,
        "hours_per_request": 6,
    }
    parts = split_by_time(content, Limits.published(published))
    assert all(part.startswith(b"time_ms,x,y\n") for part in parts)
    assert _samples(parts) == _samples([content])
    for part in parts:
        lines = part.split()[1:]
        hours = {int(line.split(b",")[0]) // HOUR_MS for line in lines}
        assert len(lines) <= 30
        assert len(hours) <= 3
        assert len(part) <= 800
    assert len(parts) == 14  # 3 hours of 10 lines each


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_any_order_and_repeated_times_give_the_same(
    found: list[tuple[int, int]], lines: int, hours: int
) -> None:
    rows = [
        f"{10**12 + hour * HOUR_MS + offset}.5,{number}"
        for number, (hour, offset) in enumerate(found)
    ]
    content = "\ufeff" + "\r\n".join(rows) + "\r\n\r\n"
    parts = split_by_time(content.encode(), Limits(lines=lines, hours=hours))
    assert bool(parts) == (len(set(found)) > 1)
    assert not parts or _samples(parts) == _samples([content.encode()])
    assert not parts or max(map(len, parts)) < len(content.encode())


@pytest.mark.parametrize("content", [b"", b"x,y\n", b"1,2\n1,3\n", b"1,2\nx,3\n", b"1,2\n2\n"])
def test_a_single_time_or_no_data_line_is_not_split(content: bytes) -> None:
    assert split_by_time(content, Limits(lines=1)) == []


class _Device:
    """A device whose files are too large for its server."""

    def __init__(self, state: StateFolder, connect: Callable[[ScriptedServer], DeviceApi]) -> None:
        self.state, self.connect = state, connect
        self.receipts: list[Receipt] = []
        self.refusals: list[str] = []

    def send(self, server: ScriptedServer, **limits: object) -> None:
        Deliverer(
            self.state.spool,
            self.connect(server),
            Registration("w", {}, limits),
            self.receipts.append,
            lambda reason, kept: self.refusals.append(reason),
        ).send_pending()

    def waiting(self) -> list[bytes]:
        return [file.read().content for file in self.state.spool.list_pending()]


@pytest.fixture
def device(state: StateFolder, connect: Callable[[ScriptedServer], DeviceApi]) -> _Device:
    return _Device(state, connect)


@pytest.fixture
def lines() -> list[bytes]:
    return [b"%d,1\n" % (10**12 + hour * HOUR_MS) for hour in range(4)]


def _stored(content: bytes) -> Scripted:
    part = FilePart("hr", "", content)
    return Scripted(200, {"files": [{"name": "hr", "sha256": part.sha256, "status": "stored"}]})


def _uploads(server: ScriptedServer) -> Iterator[bytes]:
    return (body for method, _, body in server.requests if method == "POST")


def test_the_next_run_continues_after_the_last_part_received(
    device: _Device, serve: Callable[[list[Scripted]], ScriptedServer], lines: list[bytes]
) -> None:
    device.state.spool.add(FilePart("hr", "f.csv", b"".join(lines)))
    halves = [b"".join(lines[:2]), b"".join(lines[2:])]
    busy = Scripted(503, problem(503, "database_unavailable", True))
    server = serve([TOO_LARGE, _stored(halves[0]), busy, _stored(halves[1])])
    with pytest.raises(ProblemResponse, match="database_unavailable"):
        device.send(server, hours_per_request=2)
    assert device.waiting() == [halves[1]]
    device.send(server, hours_per_request=2)
    assert (device.waiting(), device.refusals) == ([], [])
    assert len(device.receipts) == 2
    _, first, _, second = _uploads(server)
    assert b'filename="f.csv.part1"' in first
    assert b'filename="f.csv.part2"' in second


def test_a_file_within_the_limits_is_halved_until_it_fits(
    device: _Device, serve: Callable[[list[Scripted]], ScriptedServer], lines: list[bytes]
) -> None:
    device.state.spool.add(FilePart("hr", "", b"".join(lines)))
    pair = b"".join(lines[2:])
    answers = [TOO_LARGE, TOO_LARGE, _stored(lines[0]), TOO_LARGE, _stored(pair)]
    device.send(serve(answers))
    assert device.waiting() == []
    assert len(device.receipts) == 2
    assert len(device.refusals) == 1  # one line that the server refuses for its size


def test_a_file_larger_than_a_request_is_split_unasked(
    device: _Device, serve: Callable[[list[Scripted]], ScriptedServer]
) -> None:
    large = [b"%d,1\n" % (10**12 + second * 1000) for second in range(1000)]
    device.state.spool.add(FilePart("hr", "", b"".join(large)))
    halves = split_by_time(b"".join(large), Limits(size=4096 + 4000))
    server = serve([_stored(half) for half in halves])
    device.send(server, request_bytes=4096 + 4000)
    assert (device.waiting(), len(server.requests)) == ([], len(halves))


def test_a_power_cut_within_a_split_keeps_the_whole_file(
    device: _Device, lines: list[bytes]
) -> None:
    whole = FilePart("hr", "f", b"".join(lines))
    pending = device.state.spool.add(whole)
    later = FilePart("hr", "g", lines[0])
    device.state.spool.add(later)
    content = pending.path.read_bytes()
    device.state.spool.split(pending, lines)
    names = [file.path.name for file in device.state.spool.list_pending()]
    assert names[0] == "000000000001-000001.upload"
    assert device.waiting() == [*lines, later.content]
    pending.path.write_bytes(content)  # as if the power had gone before it was deleted
    folder = device.state.path
    device.state.close()
    with_whole = StateFolder(folder)
    device.state = with_whole
    assert device.waiting() == [whole.content, later.content]
    with_whole.close()
