"""Hosts in network namespaces: app hosts with both services, and nginx as reverse proxy."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from device_endpoint.env import PROJECT_DIR
from device_endpoint.supervisor.executables import nginx_binary
from tests.support.stack import clean_environment, free_ports, wait_until

DEVICE_PORT, STAFF_PORT = 9001, 9002


def _run(*command: str, environment: dict[str, str] | None = None, may_fail: bool = False) -> str:
    run = subprocess.run(
        command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False
    )
    assert may_fail or run.returncode == 0, (command, run.stdout, run.stderr)
    return run.stdout


@contextmanager
def network(count: int) -> Iterator[list[tuple[str, str]]]:
    """Yield (namespace, address) of hosts on a network shared with this namespace."""
    suffix = secrets.token_hex(3)
    subnet, bridge = f"10.213.{secrets.randbelow(250)}", f"br{suffix}"
    hosts = [(f"app{number}-{suffix}", f"{subnet}.{10 + number}") for number in range(count)]
    _run("ip", "link", "add", bridge, "type", "bridge")
    try:
        _run("ip", "address", "add", f"{subnet}.1/24", "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        for number, (name, address) in enumerate(hosts):
            _run("ip", "netns", "add", name)
            cable = f"ve{number}{suffix}"
            _run("ip", "link", "add", cable, "type", "veth", "peer", "eth0", "netns", name)
            _run("ip", "link", "set", cable, "master", bridge, "up")
            _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            _run("ip", "-n", name, "link", "set", "eth0", "up")
            _run("ip", "-n", name, "link", "set", "lo", "up")
        yield hosts
    finally:
        for name, _ in hosts:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        _run("ip", "link", "delete", bridge)


class AppHost:
    """A host that runs both services, with a local folder for logs and metrics only."""

    def __init__(self, name: str, address: str, folder: Path, shared: dict[str, str]) -> None:
        self.name, self.address = name, address
        self._folder = folder / name
        self._environment = clean_environment(VAR_DIR=str(self._folder / "var"), **shared)
        self._services: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self._folder.mkdir(exist_ok=True)
        for service, port in (("device", DEVICE_PORT), ("staff", STAFF_PORT)):
            command = [sys.executable, "-m", "gunicorn"]
            command += ["--config", "device_endpoint/gunicorn_conf.py"]
            with (self._folder / f"{service}.log").open("ab") as log:
                self._services.append(
                    subprocess.Popen(
                        ["ip", "netns", "exec", self.name, *command],
                        cwd=PROJECT_DIR,
                        env=self._environment
                        | {
                            "SERVICE": service,
                            "DJANGO_SETTINGS_MODULE": f"device_endpoint.settings.{service}",
                            "GUNICORN_BIND": f"{self.address}:{port}",
                            "DEVICE_WORKERS": "2",
                            "STAFF_WORKERS": "1",
                        },
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )

    def kill(self) -> None:
        """Kill every process, as a power cut does."""
        for service in self._services:
            os.killpg(service.pid, signal.SIGKILL)
            service.wait()
        self._services = []

    def log(self) -> str:
        return "\n".join(path.read_text()[-1500:] for path in self._folder.glob("*.log"))


class ReverseProxy:
    """An nginx on this host with the app hosts as its upstreams."""

    def __init__(self, folder: Path, shared: dict[str, str], hosts: list[AppHost]) -> None:
        self.device_port, self.staff_port = free_ports(2)
        self._var_dir = folder / "reverse_proxy"
        # Explicit, for a long VAR_DIR would move the folder elsewhere.
        self._run_dir = self._var_dir / "run"
        self._environment = clean_environment(
            VAR_DIR=str(self._var_dir),
            RUN_DIR=str(self._run_dir),
            DEVICE_PORT=str(self.device_port),
            STAFF_PORT=str(self.staff_port),
            LISTEN="127.0.0.1",
            DEVICE_UPSTREAMS=",".join(f"{host.address}:{DEVICE_PORT}" for host in hosts),
            STAFF_UPSTREAMS=",".join(f"{host.address}:{STAFF_PORT}" for host in hosts),
            **shared,
        )
        self._nginx: subprocess.Popen[bytes] | None = None

    @property
    def ca_file(self) -> Path:
        return self._var_dir / "tls" / "ca.crt"

    def manage(self, *arguments: str, may_fail: bool = False) -> str:
        """Run a ``manage.py`` command with this host's settings and return its output."""
        command = [sys.executable, "manage.py", *arguments]
        return _run(*command, environment=self._environment, may_fail=may_fail)

    def start(self) -> None:
        for folder in (self._var_dir / "log", self._run_dir):
            folder.mkdir(parents=True)
        self.manage("render_nginx")
        folder = self._var_dir / "nginx"
        with (self._var_dir / "log" / "nginx.log").open("wb") as log:
            command = [str(nginx_binary()), "-p", f"{folder}/", "-e", "stderr"]
            self._nginx = subprocess.Popen(
                [*command, "-c", str(folder / "nginx.conf")],
                stdout=log,
                stderr=log,
            )
        wait_until((self._run_dir / "nginx.pid").exists, "nginx to listen")

    def stop(self) -> None:
        if self._nginx is not None:
            self._nginx.send_signal(signal.SIGTERM)
            self._nginx.wait(30)
