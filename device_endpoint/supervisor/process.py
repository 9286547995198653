"""One program that the supervisor runs: start it, stop it, clean up after it has ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from device_endpoint.env import PROJECT_DIR, child_environment

LISTENER_ON_STDIN = "LISTENER_ON_STDIN"
EXEC_CHILD = Path(__file__).with_name("exec_child.py")
LOG_MODE = 0o640
LOG_UMASK = 0o027
LOG_FOLDER_MODE = 0o750
MAX_LOG_BYTES = 16 * 1024 * 1024
# The last line of a Python traceback, an error of PostgreSQL, an error of nginx.
CAUSE = re.compile(r"^[\w.]*(Error|Exception|Configured)\b|FATAL:|PANIC:|\[(emerg|alert)\]")


class CannotStartError(Exception):
    """A requirement of ``up`` is missing or blocked; the message is one line for the operator."""


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM was received. Like KeyboardInterrupt not an ``Exception``."""


@dataclass(frozen=True)
class ProgramSpec:
    """How to run a program.

    ``environment`` is added to the supervisor's own. ``stop_signal`` requests an orderly end,
    ``hurry_signal`` an immediate one; the kernel sends the latter when the supervisor dies.
    ``listener`` is a listening socket that the program receives as from systemd; the supervisor
    keeps it open, so that connections wait in it while the program is down.
    """

    name: str
    arguments: list[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    identity: str = "same"
    stop_signal: signal.Signals = signal.SIGTERM
    hurry_signal: signal.Signals = signal.SIGTERM
    reload_signal: signal.Signals | None = None
    stop_seconds: float = 10.0
    listener: socket.socket | None = None


def wrap_with_pdeathsig(
    arguments: list[str], end_signal: signal.Signals, identity: str
) -> list[str]:
    """Return the command line that runs ``arguments`` such that they end with this process."""
    head = [sys.executable, "-I", "-S", str(EXEC_CHILD), str(os.getpid())]
    return [*head, str(int(end_signal)), identity, *arguments]


def describe_exit(code: int) -> str:
    if code < 0:
        return f"killed by signal {-code}"
    return f"exit status {code}"


def last_log_line(log: Path) -> str:
    """Return the last line of ``log`` that names a cause, else the last line, else ""."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        text = file.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        causes = [line for line in lines if CAUSE.search(line)]
        return (causes or lines or [""])[-1]
    return ""


def open_log(log: Path) -> IO[bytes]:
    """Open ``log`` to append to it, closed to other users."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, LOG_MODE)
    os.fchmod(handle, LOG_MODE)
    return os.fdopen(handle, "ab")


class Program:
    """A program and its process, if started. Its children share its process group."""

    def __init__(self, spec: ProgramSpec) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    @property
    def name(self) -> str:
        return self.spec.name

    def start(self) -> None:
        """Start the process and append its output to its log."""
        spec = self.spec
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if spec.log.stat().st_size > MAX_LOG_BYTES:
                spec.log.rename(spec.log.with_suffix(".log.1"))
        listening = {} if spec.listener is None else {LISTENER_ON_STDIN: "1"}
        try:
            with open_log(spec.log) as log:
                self.process = subprocess.Popen(
                    wrap_with_pdeathsig(spec.arguments, spec.hurry_signal, spec.identity),
                    stdin=spec.listener.fileno() if spec.listener else subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=child_environment(spec.environment | listening),
                    cwd=PROJECT_DIR,
                    start_new_session=True,
                    umask=LOG_UMASK,  # nginx's access log too is closed to other users
                )
        except OSError as error:
            raise CannotStartError(f"{spec.name} could not be started: {error}") from error
        self.started_at = time.monotonic()

    def exit_code(self) -> int | None:
        """Return the exit code, or None if the process is running or was never started."""
        return self.process.poll() if self.process else None

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, not to its children, if it is running."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Wait for the process to end; return whether it did within ``seconds``."""
        if self.process is None:
            return True
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill_children(self, grace_seconds: float = 3.0) -> None:
        """End the children of an ended process: nginx's workers would keep the ports."""
        if self.process is None:
            return
        deadline = time.monotonic() + grace_seconds
        number = self.spec.hurry_signal
        while _signal_group(self.process.pid, number):
            if time.monotonic() > deadline + 2.0:
                return  # only zombies can be left, if no init process reaps them
            if time.monotonic() > deadline:
                number = signal.SIGKILL
            time.sleep(0.05)


def _signal_group(group: int, number: signal.Signals) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
