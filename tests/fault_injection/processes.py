"""The processes of one installation, found in /proc by its folder.

Most have it in their environment; nginx and PostgreSQL write their titles over theirs, and are
known by the files that they hold open.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A running process; ``command`` is its command line, or the title that it gave itself."""

    pid: int
    parent: int
    command: str

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if the process is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def of_installation(var_dir: Path) -> list[Process]:
    """Return all processes that were started for the installation in ``var_dir``."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if not _is_of(folder, var_dir):
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if stat[0] != "Z" and command:
            found.append(Process(int(folder.name), int(stat[1]), command))
    return found


def _is_of(process: Path, var_dir: Path) -> bool:
    if f"VAR_DIR={var_dir}".encode() in (process / "environ").read_bytes().split(b"\0"):
        return True
    if not (process / "cmdline").read_bytes().startswith((b"nginx: ", b"postgres: ")):
        return False
    opened = [process / "cwd", *(process / "fd").iterdir()]
    return any(link.readlink().is_relative_to(var_dir) for link in opened)


class Parts:
    """The parts of a running installation: a look at its processes at one moment."""

    def __init__(self, var_dir: Path) -> None:
        self._all = of_installation(var_dir)

    def master(self, door: str) -> list[Process]:
        """Return the gunicorn master of ``door``, in a list that is empty while there is none."""
        gunicorns = self._gunicorns(door)
        known = {process.pid for process in gunicorns}
        return [process for process in gunicorns if process.parent not in known]

    def workers(self, door: str) -> list[Process]:
        """Return the gunicorn workers of ``door``."""
        masters = {process.pid for process in self.master(door)}
        return [process for process in self._gunicorns(door) if process.parent in masters]

    def nginx_master(self) -> list[Process]:
        """Return nginx's master."""
        return [process for process in self._all if "nginx: master" in process.command]

    def nginx_workers(self) -> list[Process]:
        """Return nginx's workers."""
        return [process for process in self._all if "nginx: worker" in process.command]

    def postmaster(self) -> list[Process]:
        """Return PostgreSQL's first process."""
        return [process for process in self._all if "postgres -D" in process.command]

    def backends(self) -> list[Process]:
        """Return the PostgreSQL processes that serve sessions."""
        return [
            process
            for process in self._all
            if process.command.startswith("postgres: device_endpoint device_endpoint ")
        ]

    def _gunicorns(self, door: str) -> list[Process]:
        wanted = f"device_endpoint.{door}_wsgi"
        return [
            process
            for process in self._all
            if "gunicorn" in process.command
            and wanted in process.command
            and "exec_child.py" not in process.command
        ]
