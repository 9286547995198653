"""A connection that breaks when the COMMIT is done but not answered: nobody guesses."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.reliability.database import connect, sockets, value
from tests.reliability.load import measurement
from tests.reliability.response_dropping_proxy import AnswerThief
from tests.support.devices import Device
from tests.support.stack import Stack

pytestmark = pytest.mark.slow


@pytest.fixture
def thief(own_stack: Stack) -> Iterator[AnswerThief]:
    with tempfile.TemporaryDirectory() as folder:  # short: a socket lies in it
        thief = AnswerThief(Path(folder), sockets(own_stack))
        yield thief
        thief.close()


@pytest.fixture
def robbed_device(
    own_stack: Stack, thief: AnswerThief, bind: Callable[[int], list[Device]], tmp_path: Path
) -> Iterator[Device]:
    """Give a bound device at doors that reach the database by way of the thief."""
    (device,) = bind(1)
    host = quote(str(Path(thief._listener.getsockname()).parent), safe="")
    stack = Stack(tmp_path, {"DATABASE_URL": f"postgres://device_endpoint@{host}/device_endpoint"})
    stack.start()
    device.url, device.ca_file = stack.device_url, stack.ca_file
    yield device
    device.close()
    stack.stop()


@pytest.mark.parametrize(("files", "mark"), [(1, b"store_file"), (2, b"COMMIT")])
def test_the_outcome_is_found_out_and_nothing_is_stored_twice(
    own_stack: Stack, thief: AnswerThief, robbed_device: Device, files: int, mark: bytes
) -> None:
    names = [f"robbed-{files}-{number}" for number in range(files)]
    warm = [(name, None, measurement(1)) for name in names]
    assert robbed_device.upload(*warm).status_code == 200
    sent = [(name, None, measurement(2)) for name in names]
    thief.mark = mark
    answer = robbed_device.upload(*sent)
    assert thief.stolen == 1
    # Found again by its hash at once, or left to the device to send again.
    assert answer.status_code in (200, 503), answer.text
    if answer.status_code == 503:
        assert answer.json()["type"] == "urn:device-endpoint:database_unavailable"
    again = robbed_device.upload(*sent).json()["files"]
    assert [receipt["status"] for receipt in again] == ["duplicate"] * files
    if answer.status_code == 200:
        assert [one["id"] for one in answer.json()["files"]] == [one["id"] for one in again]
    with connect(own_stack) as session:
        for name in names:
            count = "SELECT count(*) FROM ingest_measurement WHERE name = %s"
            assert value(session, count, name) == "2"
            samples = "SELECT sum(sample_count) FROM ingest_sampleblock WHERE name = %s"
            assert value(session, samples, name) == "4"
