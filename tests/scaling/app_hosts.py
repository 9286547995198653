"""Hosts made of network namespaces: app hosts with both doors, and nginx in front of them."""

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

DEVICE_DOOR, STAFF_DOOR = 9001, 9002


def _run(*command: str, environment: dict[str, str] | None = None, may_fail: bool = False) -> str:
    run = subprocess.run(
        command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False
    )
    assert may_fail or run.returncode == 0, (command, run.stdout, run.stderr)
    return run.stdout


@contextmanager
def network(count: int) -> Iterator[list[tuple[str, str]]]:
    """Give (namespace, address) of hosts on a network that this namespace is on too."""
    mark = secrets.token_hex(3)
    subnet, bridge = f"10.213.{secrets.randbelow(250)}", f"br{mark}"
    hosts = [(f"app{number}-{mark}", f"{subnet}.{10 + number}") for number in range(count)]
    _run("ip", "link", "add", bridge, "type", "bridge")
    try:
        _run("ip", "address", "add", f"{subnet}.1/24", "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        for number, (name, address) in enumerate(hosts):
            _run("ip", "netns", "add", name)
            cable = f"ve{number}{mark}"
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
    """A host with both doors and nothing that is its own but its folder for counters."""

    def __init__(self, name: str, address: str, folder: Path, shared: dict[str, str]) -> None:
        self.name, self.address = name, address
        self._folder = folder / name
        self._environment = clean_environment(VAR_DIR=str(self._folder / "var"), **shared)
        self._doors: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start both doors."""
        self._folder.mkdir(exist_ok=True)
        for door, port in (("device", DEVICE_DOOR), ("staff", STAFF_DOOR)):
            command = [sys.executable, "-m", "gunicorn"]
            command += ["--config", "device_endpoint/gunicorn_conf.py"]
            with (self._folder / f"{door}.log").open("ab") as log:
                self._doors.append(
                    subprocess.Popen(
                        ["ip", "netns", "exec", self.name, *command],
                        cwd=PROJECT_DIR,
                        env=self._environment
                        | {
                            "SERVICE": door,
                            "DJANGO_SETTINGS_MODULE": f"device_endpoint.settings.{door}",
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
        """End every process at once, as a power cut does."""
        for door in self._doors:
            os.killpg(door.pid, signal.SIGKILL)
            door.wait()
        self._doors = []

    def log(self) -> str:
        """Return what the doors have said."""
        return "\n".join(path.read_text()[-1500:] for path in self._folder.glob("*.log"))


class Front:
    """nginx on this host, with the app hosts as its upstreams."""

    def __init__(self, folder: Path, shared: dict[str, str], hosts: list[AppHost]) -> None:
        self.device_port, self.staff_port = free_ports(2)
        self._var_dir = folder / "front"
        # Named: where VAR_DIR's path is long, the folder would be elsewhere.
        self._run_dir = self._var_dir / "run"
        self._environment = clean_environment(
            VAR_DIR=str(self._var_dir),
            RUN_DIR=str(self._run_dir),
            DEVICE_PORT=str(self.device_port),
            STAFF_PORT=str(self.staff_port),
            LISTEN="127.0.0.1",
            DEVICE_UPSTREAMS=",".join(f"{host.address}:{DEVICE_DOOR}" for host in hosts),
            STAFF_UPSTREAMS=",".join(f"{host.address}:{STAFF_DOOR}" for host in hosts),
            **shared,
        )
        self._nginx: subprocess.Popen[bytes] | None = None

    @property
    def ca_file(self) -> Path:
        """Return the file to trust the front by."""
        return self._var_dir / "tls" / "ca.crt"

    def manage(self, *arguments: str, may_fail: bool = False) -> str:
        """Run a ``manage.py`` command with this host's settings and return what it prints."""
        command = [sys.executable, "manage.py", *arguments]
        return _run(*command, environment=self._environment, may_fail=may_fail)

    def start(self) -> None:
        """Write nginx's configuration and start it."""
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
        """End nginx."""
        if self._nginx is not None:
            self._nginx.send_signal(signal.SIGTERM)
            self._nginx.wait(30)
