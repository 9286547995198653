"""The servers that files are sent to: the interface of a target, and the product itself."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.cluster import Cluster
from benchmarks.processor_time import Stopwatch, child_pids, command_line, with_descendants
from benchmarks.workspace import MANAGE_PY, free_port, start_program
from device_endpoint.supervisor.process import Program, ProgramSpec

DURABLE = "COMMIT with fsync: survives the loss of power"
BOUNDARY = "bench-7d1f0a5c"
# The programs of a target whose processor time is measured.
NGINX, SERVICE, POSTGRESQL = "nginx", "service", "PostgreSQL"
DEVICE_SERVICE, STAFF_SERVICE = "device_endpoint.device_wsgi", "device_endpoint.staff_wsgi"
_NOT_FOR_DEVICES = ("manage.py", STAFF_SERVICE)


@dataclass(frozen=True)
class UploadFormat:
    """How a request frames a file; ``corpus`` is the text format of the file itself."""

    content_type: str
    head: str = ""
    tail: str = ""
    corpus: Literal["csv", "lines"] = "csv"


def multipart_format(series: str) -> UploadFormat:
    """Return the format in which devices send a file of ``series``."""
    return UploadFormat(
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        head=(
            f"--{BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="{series}"; filename="{series}.csv"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ),
        tail=f"\r\n--{BOUNDARY}--\r\n",
    )


@dataclass(kw_only=True)
class Target:
    """A server that takes files over mutual TLS.

    ``counts`` is the unit of ``count_stored``; a target that counts nothing returns 0.
    ``durability`` says in one line what an acknowledgement guarantees.
    """

    cluster: Cluster
    name: str
    durability: str = DURABLE
    counts: Literal["samples", "files", "nothing"] = "samples"
    uses_cluster: bool = True
    port: int = field(default_factory=free_port)
    programs: list[Program] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/device_endpoint"

    def start(self) -> None:
        raise NotImplementedError

    def stopwatch(self) -> Stopwatch:
        """Return a running stopwatch of the programs that serve devices, by what they are.

        The staff site and the timers of the product are left out. PostgreSQL runs for this target
        alone while a load is sent.
        """
        groups: dict[str, list[int]] = {NGINX: [], SERVICE: [], POSTGRESQL: []}
        for pid in with_descendants(
            program.process.pid for program in self.programs if program.process
        ):
            command = command_line(pid)
            if not any(name in command for name in _NOT_FOR_DEVICES):
                groups[NGINX if command.startswith("nginx") else SERVICE].append(pid)
        if self.uses_cluster:
            groups[POSTGRESQL] = sorted(with_descendants(self.cluster.pids()))
        return Stopwatch(groups)

    def upload_format(self, series: str) -> UploadFormat:
        return multipart_format(series)

    def count_stored(self) -> int:
        raise NotImplementedError

    def start_program(self, spec: ProgramSpec, is_ready: Callable[[], bool]) -> None:
        self.programs.append(start_program(spec, is_ready))


@dataclass(kw_only=True)
class Product(Target):
    """The product as ``manage.py up`` runs it, on a copy of the database ``blank``."""

    database: str
    staff_port: int = field(default_factory=free_port)

    def start(self) -> None:
        workspace = self.cluster.workspace
        log = workspace.log(self.database)
        environment = {
            "VAR_DIR": str(workspace.root / self.database),
            "DATABASE_URL": workspace.database_url(self.database),
            "DEVICE_PORT": str(self.port),
            "STAFF_PORT": str(self.staff_port),
            # Its cost would fall on a random row; compaction has rows of its own.
            "COMPACTION_INTERVAL_SECONDS": "86400",
        }
        spec = ProgramSpec(
            name=self.database,
            arguments=[sys.executable, MANAGE_PY, "up"],
            log=log,
            environment=environment,
            stop_signal=signal.SIGINT,
            stop_seconds=60.0,
        )
        self.cluster.create_copy(self.database)
        self.start_program(
            spec, lambda: log.exists() and "\nready\n" in log.read_text(errors="replace")
        )

    def count_stored(self) -> int:
        return self.cluster.query_number(
            self.database, "SELECT coalesce(sum(sample_count), 0) FROM ingest_sampleblock"
        )

    def masters(self, service: str = DEVICE_SERVICE) -> list[int]:
        return [
            pid
            for program in self.programs
            if program.process
            for pid in child_pids([program.process.pid])
            if service in command_line(pid)
        ]

    def workers(self, service: str = DEVICE_SERVICE) -> list[int]:
        return list(child_pids(self.masters(service)))
