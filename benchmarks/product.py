"""The product as a person runs it: ``manage.py up``, in a folder, on ports and a database."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import processes
from benchmarks.cluster import Cluster
from benchmarks.target import Form, Keeps, multipart
from benchmarks.workspace import Place, free_ports, manage_py
from device_endpoint.supervisor.process import Program, ProgramSpec


class Product:
    """A running product on a database of its own, which begins as a copy of ``blank``."""

    durability = "COMMIT with fsync: survives the loss of power"
    keeps: Keeps = "samples"

    def __init__(self, place: Place, cluster: Cluster, database: str) -> None:
        self.name = "product"
        self.database = database
        self._place = place
        self._cluster = cluster
        self.device_port, self.staff_port = free_ports(2)
        self.programs: list[Program] = []

    @property
    def url(self) -> str:
        """Return the device door's address."""
        return f"https://127.0.0.1:{self.device_port}/device_endpoint"

    @property
    def staff_url(self) -> str:
        """Return the staff door's address, without a slash at its end."""
        return f"https://127.0.0.1:{self.staff_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return what its processes and commands have in their environment beside the run's."""
        return {
            "VAR_DIR": str(self._place.root / self.database),
            "DATABASE_URL": self._place.database_url(self.database),
            "DEVICE_PORT": str(self.device_port),
            "STAFF_PORT": str(self.staff_port),
            # It would fall upon some row or other: what it costs has rows of its own.
            "COMPACTION_INTERVAL_SECONDS": "86400",
        }

    def start(self) -> None:
        """Start it and wait until both doors answer."""
        log = self._place.log(self.database)
        spec = ProgramSpec(
            name=self.database,
            arguments=[sys.executable, manage_py(), "up"],
            log=log,
            environment=self.environment,
            stop_signal=signal.SIGINT,
            stop_seconds=60.0,
        )
        self._cluster.copy_blank(self.database)
        self.programs.append(
            processes.start(
                spec, lambda: log.exists() and "\nready\n" in log.read_text(errors="replace")
            )
        )

    def form(self, series: str) -> Form:
        """Return the form of an upload."""
        return multipart(series)

    def stored(self) -> int:
        """Return the samples in all blocks."""
        return self._cluster.number(
            self.database, "SELECT coalesce(sum(sample_count), 0) FROM ingest_sampleblock"
        )

    def workers(self) -> list[int]:
        """Return the process ids of the device door's workers."""
        masters = [
            pid
            for up in self.programs
            if up.process
            for pid in _children(up.process.pid)
            if "device_endpoint.device_wsgi" in _command(pid)
        ]
        return [worker for master in masters for worker in _children(master)]


def _children(parent: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # "pid (name) state ppid …": the name may hold blanks and parentheses.
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        if int(fields[1]) == parent:
            yield int(stat.parent.name)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
