"""The programs of the two doors: nginx and two gunicorns, and the addresses they listen on."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from device_endpoint import nginx_config
from device_endpoint.env import PROJECT_DIR, socket_folder
from device_endpoint.supervisor.errors import CannotStartError
from device_endpoint.supervisor.private_dirs import make_socket_folder
from device_endpoint.supervisor.process import ProgramSpec

# What an earlier supervisor started may still be ending.
PORT_PATIENCE_SECONDS = 3.0
ANSWER_SECONDS = 60.0
POLL_INTERVAL_SECONDS = 0.05
BACKLOG = 2048


def gunicorn_spec(door: str, log_dir: Path) -> ProgramSpec:
    """Return how to run the gunicorn of ``door`` ("device" or "staff")."""
    config = PROJECT_DIR / "device_endpoint" / "gunicorn_conf.py"
    application = f"device_endpoint.{door}_wsgi:application"
    return ProgramSpec(
        name=door,
        arguments=[sys.executable, "-m", "gunicorn", "--config", str(config), application],
        log=log_dir / f"{door}.log",
        environment={"SERVICE": door, "DJANGO_SETTINGS_MODULE": f"device_endpoint.settings.{door}"},
        hurry_signal=signal.SIGQUIT,
        reload_signal=signal.SIGHUP,
        listener=_open_socket(socket_folder("run") / f"{door}.sock"),
    )


def _open_socket(path: Path) -> socket.socket:
    # Opened here and kept open: requests that come while a gunicorn is replaced wait for the next.
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o007)  # for nginx, which is of the group
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    return listener


def nginx_spec(binary: Path, log_dir: Path) -> ProgramSpec:
    """Return how to run nginx with the configuration in ``VAR_DIR``."""
    return ProgramSpec(
        name="nginx",
        arguments=nginx_config.command(binary),
        log=log_dir / "nginx.log",
        stop_signal=signal.SIGQUIT,
        hurry_signal=signal.SIGTERM,
        reload_signal=signal.SIGHUP,
    )


def prepare_nginx(binary: Path, addresses: list[str]) -> None:
    """Write nginx's configuration and let nginx check it."""
    nginx_config.write(addresses, nginx_config.version_of(binary))
    run = subprocess.run(
        [*nginx_config.command(binary), "-t"], capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        lines = [line for line in run.stderr.splitlines() if "[emerg]" in line]
        raise CannotStartError(f"nginx refuses its configuration: {(lines or [run.stderr])[0]}")


def prepare_run_folder() -> None:
    """Make the folder of the doors' sockets: entered by this user and its group only."""
    make_socket_folder("run", 0o750)


def wait_for_answers(still_running: Callable[[], None]) -> None:
    """Wait until both gunicorns answer; ``still_running`` raises when one has ended."""
    deadline = time.monotonic() + ANSWER_SECONDS
    for door in ("device", "staff"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(socket_folder("run") / f"{door}.sock"))
            probe.sendall(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n")
            while not select.select([probe], [], [], POLL_INTERVAL_SECONDS)[0]:
                still_running()
                if time.monotonic() > deadline:
                    raise CannotStartError(f"{door} does not answer")


def free_addresses() -> list[str]:
    """Return the addresses of ``LISTEN`` after making sure that both ports are free on them.

    ``[::1]`` is left out on a machine without IPv6.
    """
    if settings.DEVICE_PORT == settings.STAFF_PORT:
        raise CannotStartError("DEVICE_PORT and STAFF_PORT must differ.")
    found = [address for address in settings.LISTEN if _exists(address)]
    if not found:
        raise CannotStartError(f"LISTEN={' '.join(settings.LISTEN)}: no such address here.")
    for address in found:
        for name in ("DEVICE_PORT", "STAFF_PORT"):
            _check_free(address, name, getattr(settings, name))
    return found


def _bind(address: str, port: int) -> None:
    family = socket.AF_INET6 if address.startswith("[") else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind((address.strip("[]"), port))


def _exists(address: str) -> bool:
    try:
        _bind(address, 0)
    except OSError as error:
        if address == "[::1]" and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return False
        raise CannotStartError(f"LISTEN: {address} cannot be used: {error.strerror}") from error
    return True


def _check_free(address: str, name: str, port: int) -> None:
    deadline = time.monotonic() + PORT_PATIENCE_SECONDS
    while True:
        try:
            _bind(address, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise CannotStartError(
                    f"{name}={port} cannot be used on {address} ({error.strerror}): end the "
                    f"program that uses it, or set another {name}."
                ) from error
            time.sleep(0.1)
        else:
            return
