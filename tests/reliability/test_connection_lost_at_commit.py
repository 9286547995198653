"""A connection that breaks after the COMMIT and before its response."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.reliability.database import connect, fetch_value, socket_folder
from tests.reliability.load import measurement
from tests.reliability.response_dropping_proxy import ResponseDroppingProxy
from tests.support.devices import Device
from tests.support.stack import Stack

pytestmark = pytest.mark.slow


@pytest.fixture
def proxy(own_stack: Stack) -> Iterator[ResponseDroppingProxy]:
    with tempfile.TemporaryDirectory() as folder:  # a short path, for a socket
        proxy = ResponseDroppingProxy(Path(folder), socket_folder(own_stack))
        yield proxy
        proxy.close()


@pytest.fixture
def proxied_device(
    own_stack: Stack,
    proxy: ResponseDroppingProxy,
    bind: Callable[[int], list[Device]],
    tmp_path: Path,
) -> Iterator[Device]:
    """Return a device registered with an installation that uses the database through the proxy."""
    (device,) = bind(1)
    host = quote(str(Path(proxy._listener.getsockname()).parent), safe="")
    stack = Stack(tmp_path, {"DATABASE_URL": f"postgres://device_endpoint@{host}/device_endpoint"})
    stack.start()
    device.url, device.ca_file = stack.device_url, stack.ca_file
    yield device
    device.close()
    stack.stop()


@pytest.mark.parametrize(("files", "mark"), [(1, b"store_file"), (2, b"COMMIT")])
def test_the_outcome_is_detected_and_nothing_is_stored_twice(
    own_stack: Stack, proxy: ResponseDroppingProxy, proxied_device: Device, files: int, mark: bytes
) -> None:
    names = [f"proxied-{files}-{number}" for number in range(files)]
    warm = [(name, None, measurement(1)) for name in names]
    assert proxied_device.upload(*warm).status_code == 200
    sent = [(name, None, measurement(2)) for name in names]
    proxy.mark = mark
    answer = proxied_device.upload(*sent)
    assert proxy.dropped == 1
    # The server finds the file by its hash, or the device sends it again.
    assert answer.status_code in (200, 503), answer.text
    if answer.status_code == 503:
        assert answer.json()["type"] == "urn:device-endpoint:database_unavailable"
    again = proxied_device.upload(*sent).json()["files"]
    assert [receipt["status"] for receipt in again] == ["duplicate"] * files
    if answer.status_code == 200:
        assert [one["id"] for one in answer.json()["files"]] == [one["id"] for one in again]
    with connect(own_stack) as session:
        for name in names:
            count = "SELECT count(*) FROM ingest_measurement WHERE name = %s"
            assert fetch_value(session, count, name) == "2"
            samples = "SELECT sum(sample_count) FROM ingest_sampleblock WHERE name = %s"
            assert fetch_value(session, samples, name) == "4"
