"""The programs that ``up`` runs (nginx, gunicorn, periodic commands) and their readiness."""

from __future__ import annotations

import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from device_endpoint import health, local_probe, nginx_config
from device_endpoint.env import PROJECT_DIR
from device_endpoint.supervisor.folders import make_socket_folder
from device_endpoint.supervisor.process import LOG_UMASK, CannotStartError, ProgramSpec

SERVICES = ("device", "staff")
# Programs of a previous supervisor may still be ending.
PORT_TIMEOUT_SECONDS = 3.0
ANSWER_TIMEOUT_SECONDS = 60.0
START_TIMEOUT_SECONDS = 90.0
POLL_INTERVAL_SECONDS = 0.1
BACKLOG = 2048


def gunicorn_spec(service: str, log_dir: Path) -> ProgramSpec:
    """Return how to run the gunicorn of ``service`` ("device" or "staff")."""
    config = PROJECT_DIR / "device_endpoint" / "gunicorn_conf.py"
    application = f"device_endpoint.{service}_wsgi:application"
    return ProgramSpec(
        name=service,
        arguments=[sys.executable, "-m", "gunicorn", "--config", str(config), application],
        log=log_dir / f"{service}.log",
        environment={
            "SERVICE": service,
            "DJANGO_SETTINGS_MODULE": f"device_endpoint.settings.{service}",
        },
        hurry_signal=signal.SIGQUIT,
        reload_signal=signal.SIGHUP,
        listener=_open_socket(local_probe.service_socket(service)),
    )


def _open_socket(path: Path) -> socket.socket:
    # The supervisor keeps the socket open: requests wait in its backlog while gunicorn restarts.
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o007)  # nginx connects as a member of the group
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


def periodic_specs(log_dir: Path) -> list[ProgramSpec]:
    """Return how to run compaction and monitoring; both tolerate being killed at any time."""
    return [
        _periodic_spec("compact", settings.COMPACTION_INTERVAL_SECONDS, log_dir),
        _periodic_spec("monitor_devices", settings.MONITORING_INTERVAL_SECONDS, log_dir),
    ]


def _periodic_spec(command: str, interval_seconds: int, log_dir: Path) -> ProgramSpec:
    manage = str(PROJECT_DIR / "manage.py")
    return ProgramSpec(
        name=command,
        arguments=[sys.executable, manage, command, "--every", str(interval_seconds)],
        log=log_dir / f"{command}.log",
        hurry_signal=signal.SIGKILL,
    )


def prepare_nginx(binary: Path, addresses: list[str]) -> None:
    """Write nginx's configuration and validate it with ``nginx -t``."""
    nginx_config.write(addresses, nginx_config.version_of(binary))
    run = subprocess.run(
        [*nginx_config.command(binary), "-t"],
        capture_output=True,
        text=True,
        check=False,
        umask=LOG_UMASK,  # it creates the access log
    )
    if run.returncode != 0:
        lines = [line for line in run.stderr.splitlines() if "[emerg]" in line]
        raise CannotStartError(f"nginx refuses its configuration: {(lines or [run.stderr])[0]}")


def prepare_run_folder() -> None:
    """Create the folder of the services' sockets, open to this user and its group only."""
    make_socket_folder("run", 0o750)


def wait_for_services(still_running: Callable[[], None]) -> None:
    """Wait until both gunicorns answer; ``still_running`` raises if one has ended."""
    deadline = time.monotonic() + ANSWER_TIMEOUT_SECONDS
    for service in SERVICES:
        while not local_probe.speaks_http(service, deadline - time.monotonic(), still_running):
            still_running()
            if time.monotonic() > deadline:
                raise CannotStartError(f"{service} does not answer")
            time.sleep(POLL_INTERVAL_SECONDS)


def wait_until_ready(address: str, still_running: Callable[[], None]) -> None:
    """Wait until ``/readyz`` answers 200 and the device API requires a certificate.

    ``address`` is one that nginx listens on; ``still_running`` raises if a program has ended.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        still_running()
        missing = _find_missing(address)
        if missing is None:
            return
        if time.monotonic() > deadline:
            raise CannotStartError(f"not ready after {START_TIMEOUT_SECONDS:g} s: {missing}")
        time.sleep(POLL_INTERVAL_SECONDS)


def _find_missing(address: str) -> str | None:
    staff_site = local_probe.via_nginx(settings.STAFF_PORT, address=address)
    device_api = local_probe.via_nginx(settings.DEVICE_PORT, address=address)
    try:
        response = local_probe.get(staff_site, "/readyz")
        if response.status != http.client.OK and (missing := _failed_checks(response)):
            return missing
        status = local_probe.get(device_api, "/device_endpoint").status
    except local_probe.PROBE_ERRORS as error:
        return f"no answer through nginx: {error}"
    if status != http.client.FORBIDDEN:  # the request carried no certificate
        return f"the device API answers {status}"
    return None


def _failed_checks(response: local_probe.Response) -> str:
    """Return the failed checks of ``/readyz``, "" if only disk space is missing.

    The operator needs the staff site to free disk space, and devices need their 503.
    """
    try:
        checks = json.loads(response.body)["checks"]
    except (ValueError, KeyError, TypeError):
        return f"the staff site answers {response.status} (see its log)"
    failed = {name: state for name, state in checks.items() if state != health.OK}
    failed.pop(health.DISK, None)
    return "; ".join(f"{name}: {state}" for name, state in failed.items())


def free_addresses() -> list[str]:
    """Return the addresses of ``LISTEN``; raise if one of the two ports is in use there.

    ``[::1]`` is left out on a machine without IPv6.
    """
    if settings.DEVICE_PORT == settings.STAFF_PORT:
        raise CannotStartError("DEVICE_PORT and STAFF_PORT must differ.")
    addresses = [address for address in settings.LISTEN if _exists(address)]
    if not addresses:
        raise CannotStartError(
            f"LISTEN={' '.join(settings.LISTEN)}: no such address on this machine."
        )
    for address in addresses:
        for name in ("DEVICE_PORT", "STAFF_PORT"):
            _check_free(address, name, getattr(settings, name))
    return addresses


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
    deadline = time.monotonic() + PORT_TIMEOUT_SECONDS
    while True:
        try:
            _bind(address, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise CannotStartError(
                    f"{name}={port} cannot be used on {address} ({error.strerror}): stop the "
                    f"program that uses it, or set another {name}."
                ) from error
            time.sleep(POLL_INTERVAL_SECONDS)
        else:
            return
