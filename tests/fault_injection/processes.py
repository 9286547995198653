"""The processes of one installation, found in /proc by its ``VAR_DIR``.

Most have it in their environment; nginx and PostgreSQL overwrite theirs with their titles and are
identified by their open files.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A running process; ``command`` is its command line or title."""

    pid: int
    parent: int
    command: str

    def send(self, number: signal.Signals) -> None:
        """Send a signal unless the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def list_processes(var_dir: Path) -> list[Process]:
    """Return the processes of the installation in ``var_dir``."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if not _belongs_to(folder, var_dir):
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # the process has ended
            continue
        if stat[0] != "Z" and command:
            found.append(Process(int(folder.name), int(stat[1]), command))
    return found


def _belongs_to(process: Path, var_dir: Path) -> bool:
    if f"VAR_DIR={var_dir}".encode() in (process / "environ").read_bytes().split(b"\0"):
        return True
    if not (process / "cmdline").read_bytes().startswith((b"nginx: ", b"postgres: ")):
        return False
    opened = [process / "cwd", *(process / "fd").iterdir()]
    return any(link.readlink().is_relative_to(var_dir) for link in opened)


class ProcessSnapshot:
    """The processes of an installation at one moment, by role; a role may have none."""

    def __init__(self, var_dir: Path) -> None:
        self._all = list_processes(var_dir)

    def master(self, service: str) -> list[Process]:
        gunicorns = self._gunicorns(service)
        pids = {process.pid for process in gunicorns}
        return [process for process in gunicorns if process.parent not in pids]

    def workers(self, service: str) -> list[Process]:
        masters = {process.pid for process in self.master(service)}
        return [process for process in self._gunicorns(service) if process.parent in masters]

    def nginx_master(self) -> list[Process]:
        return [process for process in self._all if "nginx: master" in process.command]

    def nginx_workers(self) -> list[Process]:
        return [process for process in self._all if "nginx: worker" in process.command]

    def postmaster(self) -> list[Process]:
        return [process for process in self._all if "postgres -D" in process.command]

    def backends(self) -> list[Process]:
        """Return the PostgreSQL processes that serve the product's sessions."""
        return [
            process
            for process in self._all
            if process.command.startswith("postgres: device_endpoint device_endpoint ")
        ]

    def _gunicorns(self, service: str) -> list[Process]:
        module = f"device_endpoint.{service}_wsgi"
        return [
            process
            for process in self._all
            if "gunicorn" in process.command
            and module in process.command
            and "exec_child.py" not in process.command
        ]
