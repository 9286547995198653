"""One program that the supervisor runs: how to start it, end it, and clear up after its death."""

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

from device_endpoint.env import PROJECT_DIR, child_environment
from device_endpoint.supervisor.errors import CannotStartError

LISTENER_ON_STDIN = "LISTENER_ON_STDIN"
LEASH = Path(__file__).with_name("exec_child.py")
ROTATE_AT_BYTES = 16 * 1024 * 1024
# The end of a Python traceback, PostgreSQL's word for it, nginx's.
CAUSE = re.compile(r"^[\w.]*(Error|Exception|Configured)\b|FATAL:|PANIC:|\[(emerg|alert)\]")


@dataclass(frozen=True)
class ProgramSpec:
    """How to run a program.

    ``environment`` is added to the supervisor's own. ``stop_signal`` asks it to end in order,
    ``hurry_signal`` to end at once; the latter is also what it gets when the supervisor dies.
    ``listener`` is a socket that listens already, handed over as systemd does it: it stays open
    here, so that connections wait while the program is down.
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
    """Return the command line that runs ``arguments`` so that they end with this process."""
    head = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid())]
    return [*head, str(int(end_signal)), identity, *arguments]


def describe_exit(code: int) -> str:
    """Return an exit code of ``subprocess`` in words."""
    if code < 0:
        return f"killed by signal {-code}"
    return f"exit status {code}"


def last_log_line(log: Path) -> str:
    """Return the last line of ``log`` that names a cause, else the last one, else nothing."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        text = file.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        causes = [line for line in lines if CAUSE.search(line)]
        return (causes or lines or [""])[-1]
    return ""


class Program:
    """A program and its process, if it has one. All of its children share its process group."""

    def __init__(self, spec: ProgramSpec) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    @property
    def name(self) -> str:
        """Return the name that messages and the log file carry."""
        return self.spec.name

    def start(self) -> None:
        """Start the process, its output appended to its log."""
        spec = self.spec
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if spec.log.stat().st_size > ROTATE_AT_BYTES:
                spec.log.rename(spec.log.with_suffix(".log.1"))
        listening = {} if spec.listener is None else {LISTENER_ON_STDIN: "1"}
        try:
            with spec.log.open("ab") as log:
                self.process = subprocess.Popen(
                    wrap_with_pdeathsig(spec.arguments, spec.hurry_signal, spec.identity),
                    stdin=spec.listener.fileno() if spec.listener else subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=child_environment(spec.environment | listening),
                    cwd=PROJECT_DIR,
                    start_new_session=True,
                )
        except OSError as error:
            raise CannotStartError(f"{spec.name} could not be started: {error}") from error
        self.started_at = time.monotonic()

    def exit_code(self) -> int | None:
        """Return how the process ended, or None while it runs (or was never started)."""
        return self.process.poll() if self.process else None

    def is_running(self) -> bool:
        """Tell whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the process; tell whether it came in time."""
        if self.process is None:
            return True
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def clear_group(self, patience: float = 3.0) -> None:
        """End what a dead process left behind: nginx's workers hold the ports otherwise."""
        if self.process is None:
            return
        deadline = time.monotonic() + patience
        number = self.spec.hurry_signal
        while _signal_group(self.process.pid, number):
            if time.monotonic() > deadline + 2.0:
                return  # only zombies can be left, where nobody collects orphans
            if time.monotonic() > deadline:
                number = signal.SIGKILL
            time.sleep(0.05)


def _signal_group(group: int, number: signal.Signals) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
