"""The real thing as a child process: ``manage.py up`` in a folder and on ports of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from device_endpoint.env import PROJECT_DIR
from tests.support.programs import run_program

START_SECONDS = 90.0


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def wait_until(is_so: Callable[[], object], what: str) -> None:
    """Wait for something that must come about; ``what`` names it when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.05)


def clean_environment(**added: str) -> dict[str, str]:
    """Return the environment of a person who starts the product: nothing of the tests in it."""
    ours = ("DJANGO_SETTINGS_MODULE", "VAR_DIR", "DATABASE_URL", "TESTS_RUN_DIR", "SERVICE")
    return {name: value for name, value in os.environ.items() if name not in ours} | added


class Stack:
    """``manage.py up``, started, watched and ended as a person would do it.

    ``environment`` is added to the tests' own. Its superuser is ``superuser_name`` with
    ``superuser_password``. Each service has one worker, unless ``environment`` says otherwise: a
    worker imports for a second.
    """

    superuser_name = "stack-admin"
    superuser_password = "a password for the tests only"

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.var_dir = folder / "var"
        self.device_port, self.staff_port = free_ports(2)
        self.output_file = folder / "up.out"
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = clean_environment(
            VAR_DIR=str(self.var_dir),
            DEVICE_PORT=str(self.device_port),
            STAFF_PORT=str(self.staff_port),
            DEVICE_WORKERS="1",
            STAFF_WORKERS="1",
            DJANGO_SUPERUSER_USERNAME=self.superuser_name,
            DJANGO_SUPERUSER_PASSWORD=self.superuser_password,
        )
        self.environment |= environment or {}

    @property
    def device_url(self) -> str:
        """Return the whole address of the device endpoint."""
        return f"https://localhost:{self.device_port}/device_endpoint"

    @property
    def staff_url(self) -> str:
        """Return the staff site's address, without a slash at its end."""
        return f"https://localhost:{self.staff_port}"

    @property
    def ca_file(self) -> Path:
        """Return the file that verifies both server certificates."""
        return self.var_dir / "tls" / "ca.crt"

    @property
    def output(self) -> str:
        """Return all that ``up`` has printed."""
        return self.output_file.read_text() if self.output_file.exists() else ""

    def start(self, *arguments: str) -> None:
        """Start ``up`` and wait until it reports that both services answer."""
        self.launch(*arguments)
        try:
            self.wait_for("\nready\n")
        except AssertionError:
            self.stop()
            raise

    def launch(self, *arguments: str) -> None:
        """Start ``up`` without waiting."""
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *arguments],
                cwd=PROJECT_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, text: str) -> None:
        """Wait until ``up`` has printed ``text``."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while text not in self.output:
            assert self.process.poll() is None, f"`up` ended:\n{self.output}"
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.output}\n{self.logs()}"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """End ``up`` as Ctrl-C does and return its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def manage(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a ``manage.py`` command beside ``up``; ``text`` is its standard input."""
        return run_program("manage.py", *arguments, environment=self.environment, text=text)

    def issue_psk(self, identity: str, *arguments: str) -> str:
        """Return a new key for ``identity``, which is made if it is missing."""
        run = self.manage("issue_psk", identity, "--create", "--json", *arguments)
        assert run.returncode == 0, run.stderr
        return str(json.loads(run.stdout)["psk"])

    def get_staff(self, path: str) -> tuple[int, dict[str, str], str]:
        """Return status, headers and text of an anonymous GET to the staff site."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("localhost", self.staff_port, context=context)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        except OSError as error:
            _close_what_ssl_left_open(error)
            raise
        finally:
            connection.close()

    def logs(self) -> str:
        """Return the last lines of every program's log, for the message of a failed test."""
        files = sorted((self.var_dir / "log").glob("*.log"))
        return "\n".join(
            f"--- {file.name}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-15:])
            for file in files
        )


def _close_what_ssl_left_open(error: OSError) -> None:
    """Close the socket that ``ssl`` forgets where a peer resets before the handshake begins.

    nginx does so while it starts. Nobody but the frames of the error knows the socket.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        left = frame.f_locals.get("self")
        if isinstance(left, ssl.SSLSocket):
            left.close()
