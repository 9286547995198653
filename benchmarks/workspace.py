"""The folder and the environment of a benchmark run, and the programs that run in it.

``prepare`` must run before Django reads its settings, which come from this environment.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from device_endpoint.env import PROJECT_DIR, socket_folder, var_dir
from device_endpoint.supervisor.process import (
    Program,
    ProgramSpec,
    describe_exit,
    last_log_line,
)

MANAGE_PY = str(PROJECT_DIR / "manage.py")
START_TIMEOUT_SECONDS = 90.0
# Settings of an installation in use, which would change what is measured.
_IGNORED_SETTINGS = ("DATABASE_URL", "TEST_DATABASE_URL", "SERVICE", "DEVICE_CA", "GUNICORN_BIND")
# The load comes from one address, and the throttles are not what is measured.
_THROTTLES = {
    "REQUESTS_PER_SECOND": "100000",
    "MAX_CONNECTIONS_PER_IP": "4096",
    "REGISTRATION_FAILURES_PER_MINUTE_PER_IP": "100000",
}


class CannotMeasure(Exception):
    """A measurement lacks something or has failed; the text is one line that says what."""


class NotInstalled(CannotMeasure):
    """A baseline's program is not installed: the baseline is named and left out."""


@dataclass(frozen=True)
class Workspace:
    """The folder of a run, removed at its end, and the file of results, which stays."""

    root: Path
    results: Path

    def log(self, name: str) -> Path:
        return self.root / "log" / f"{name}.log"

    def database_url(self, database: str) -> str:
        folder = quote(str(socket_folder("postgres")), safe="")
        return f"postgres://device_endpoint@{folder}/{database}"

    def create(self) -> None:
        (self.root / "log").mkdir(parents=True)

    def remove(self) -> None:
        """Remove the folder, and the socket folders outside it that its long path led to."""
        for folder in self.root.iterdir() if self.root.exists() else ():
            sockets = sockets_of(folder).parent
            if self.root not in sockets.parents:
                shutil.rmtree(sockets, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)


def prepare() -> Workspace:
    """Choose the folder and set the environment of this process and its children."""
    workspace = Workspace(var_dir() / f"bench-{os.getpid()}", var_dir() / "bench.json")
    for name in _IGNORED_SETTINGS:
        os.environ.pop(name, None)
    os.environ.update(
        _THROTTLES,
        VAR_DIR=str(workspace.root / "host"),
        LISTEN="127.0.0.1",
        PUBLIC_HOST="localhost",
        DJANGO_SETTINGS_MODULE="device_endpoint.settings.staff",
        DJANGO_SUPERUSER_USERNAME="bench",
        DJANGO_SUPERUSER_PASSWORD=secrets.token_urlsafe(16),
        # Shared by both copies of the product and by the nginx of every baseline.
        SECRET_KEY=secrets.token_urlsafe(48),
        PROXY_SECRET=secrets.token_urlsafe(48),
        PYTHONUNBUFFERED="1",
    )
    os.environ["DATABASE_URL"] = workspace.database_url("blank")
    # The device client, a package of its own, makes the certificates of the devices.
    sys.path.append(str(PROJECT_DIR / "client"))
    return workspace


def sockets_of(folder: Path) -> Path:
    """Return the socket folder of a program whose ``VAR_DIR`` is ``folder``."""
    own = os.environ["VAR_DIR"]
    os.environ["VAR_DIR"] = str(folder)
    try:
        return socket_folder("run")
    finally:
        os.environ["VAR_DIR"] = own


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different unused ports of the loopback address."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in sockets]


def start_program(spec: ProgramSpec, is_ready: Callable[[], bool]) -> Program:
    """Start a program and wait until it is ready; raise ``CannotMeasure`` if it fails to."""
    program = Program(spec)
    program.start()
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not is_ready():
        code = program.exit_code()
        if code is not None or time.monotonic() > deadline:
            reason = "is not ready" if code is None else f"ended ({describe_exit(code)})"
            stop_programs([program])
            raise CannotMeasure(f"{spec.name} {reason}: {last_log_line(spec.log)}")
        time.sleep(0.05)
    return program


def stop_programs(programs: Sequence[Program]) -> None:
    """Stop independent programs and their children: signal all of them, then wait for each."""
    for program in programs:
        program.send(program.spec.stop_signal)
    for program in programs:
        if not program.wait(program.spec.stop_seconds):
            program.send(program.spec.hurry_signal)
            if not program.wait(5.0):
                program.send(signal.SIGKILL)
        program.kill_children()
