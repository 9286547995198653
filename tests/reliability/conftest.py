"""An installation that these tests may break, and registered devices for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.devices import Device
from tests.support.stack import Stack


@pytest.fixture(scope="session")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("reliability"), {"DEVICE_WORKERS": "2"})
    running.start()
    yield running
    running.stop()


@pytest.fixture
def bind(own_stack: Stack, tmp_path: Path) -> Iterator[Callable[[int], list[Device]]]:
    """Return a function that registers a number of devices for one identity."""
    devices: list[Device] = []

    def make(count: int) -> list[Device]:
        psk = own_stack.issue_psk(tmp_path.name, "--max-uses", str(count))
        for number in range(count):
            device = Device(own_stack.device_url, own_stack.ca_file, tmp_path / str(number))
            assert device.register(psk).status_code == 200
            devices.append(device)
        return devices

    yield make
    for device in devices:
        device.close()
