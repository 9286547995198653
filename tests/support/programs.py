"""Runs Python programs as a shell would, without importing the packages anew for each.

A server, one for each test process, has imported packages of others and nothing of ours. For each
program it forks: the child takes the program's environment, folder, arguments and streams.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

PROJECT_DIR = Path(__file__).resolve().parents[2]  # the server imports nothing of ours
MAX_SECONDS = 300
# What most programs import. Of these none reads the environment or Django's settings on the way.
PACKAGES = (
    "cryptography.x509", "cryptography.hazmat.primitives.serialization", "environ", "requests",
    "psycopg", "django.core.management", "django.db.backends.postgresql.base", "django.db.models",
    "django.contrib.postgres.fields", "django.contrib.postgres.indexes", "django.forms",
    "django.template.defaulttags", "django.views.generic",
    "django.contrib.staticfiles.finders", "rest_framework.settings",
)  # fmt: skip


def run_program(
    *arguments: str | Path,
    environment: Mapping[str, str],
    folder: Path = PROJECT_DIR,
    text: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run Python with ``arguments``, a script, -m or -c first; ``text`` is its standard input."""
    return _server().run([str(each) for each in arguments], dict(environment), folder, text)


@cache
def _server() -> _Server:
    return _Server()


class _Server:
    """The server's process, seen from the tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.programs", str(theirs.fileno())],
                cwd=PROJECT_DIR,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._channel = ours.makefile("rw")
        ours.close()
        atexit.register(self._end)

    def run(
        self, arguments: list[str], environment: dict[str, str], folder: Path, text: str
    ) -> subprocess.CompletedProcess[str]:
        with contextlib.ExitStack() as opened:
            streams = [opened.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)]
            streams[0].write(text)
            streams[0].flush()
            pid = os.getpid()
            request = {
                "arguments": arguments,
                "environment": environment,
                "folder": str(folder),
                "streams": [f"/proc/{pid}/fd/{stream.fileno()}" for stream in streams],
            }
            with self._lock:
                self._channel.write(json.dumps(request) + "\n")
                self._channel.flush()
                status = int(self._channel.readline())
            for stream in streams:
                stream.seek(0)
            output, errors = streams[1].read(), streams[2].read()
        return subprocess.CompletedProcess(arguments, status, output, errors)

    def _end(self) -> None:
        self._channel.close()
        self._process.wait()


def _serve(channel: io.TextIOBase) -> dict[str, Any] | None:
    """Answer requests until the tests end; return a request in the process that is to run it."""
    for name in PACKAGES:
        importlib.import_module(name)
    for line in iter(channel.readline, ""):
        child = os.fork()
        if child == 0:
            request: dict[str, Any] = json.loads(line)
            return request
        _, status = os.waitpid(child, 0)
        channel.write(f"{os.waitstatus_to_exitcode(status)}\n")
        channel.flush()
    return None


def _become(program: dict[str, Any]) -> None:
    """Turn this process into ``program``."""
    # The tests wait for its end: a program that never ends is killed, and its status is -14.
    signal.alarm(MAX_SECONDS)
    modes = (os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_APPEND)
    for number, (path, mode) in enumerate(zip(program["streams"], modes, strict=True)):
        opened = os.open(path, mode)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(program["folder"])
    os.environ.clear()
    os.environ.update(program["environment"])
    added = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    # A copy of the program must not find in the project what it lacks.
    others = [path for path in sys.path if path not in ("", str(PROJECT_DIR))]
    sys.path[:] = [program["folder"], *filter(None, added), *others]
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]


def _run(arguments: Sequence[str]) -> None:
    kind, *rest = arguments
    if kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = [kind, *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})  # noqa: S102 - as Python does with -c
    else:
        sys.argv = list(arguments)
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connected:
        found = _serve(connected.makefile("rw"))
    if found is not None:
        _become(found)
        _run(found["arguments"])
