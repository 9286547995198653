"""nginx without the application, for tests of what it does by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from device_endpoint import server_certificate
from device_endpoint.supervisor import servers
from device_endpoint.supervisor.executables import nginx_binary
from device_endpoint.supervisor.process import Program
from tests.support.devices import Device
from tests.support.stack import free_ports


@pytest.fixture
def start_nginx(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Device]]:
    """Give a function that starts nginx with the current settings and returns a device."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    settings.VAR_DIR = tmp_path
    settings.DEVICE_PORT, settings.STAFF_PORT = free_ports(2)
    started: list[Program] = []

    def start() -> Device:
        (tmp_path / "log").mkdir()
        server_certificate.ensure("localhost")
        servers.prepare_run_folder()
        servers.prepare_nginx(nginx_binary(), ["127.0.0.1"])
        program = Program(servers.nginx_spec(nginx_binary(), tmp_path / "log"))
        started.append(program)
        program.start()
        url = f"https://localhost:{settings.DEVICE_PORT}/device_endpoint"
        device = Device(url, server_certificate.authority_path(), tmp_path / "device")
        device.wait_until_served()
        return device

    yield start
    for program in started:
        program.send(program.spec.stop_signal)
        assert program.wait(program.spec.stop_seconds)
