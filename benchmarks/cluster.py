"""The embedded PostgreSQL of a benchmark run, with a database for each target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.contrib.auth import get_user_model
from django.db import connections
from psycopg import sql

from benchmarks.workspace import CannotMeasure, Workspace, stop_programs
from device_endpoint.supervisor import bootstrap, folders
from device_endpoint.supervisor.embedded_postgres import EmbeddedPostgres
from device_endpoint.supervisor.executables import postgres_folder
from device_endpoint.supervisor.process import Program
from identities.credentials import issue_token

TEMPLATE = "blank"


class Cluster:
    """A running PostgreSQL server.

    The database ``blank`` has the tables, the registered devices and one user, whose ``token``
    opens the analysis API; databases of the product are copied from it.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.binaries = postgres_folder()
        self.token = ""
        self._program: Program | None = None

    def start(self) -> None:
        """Start the server and create ``blank``."""
        host = self.workspace.root / "host"
        folders.make_folders(host)
        postgres = EmbeddedPostgres(host, self.binaries, self.workspace.log("postgres"))
        postgres.prepare()
        self._program = program = Program(postgres.spec())
        program.start()

        def ensure_running() -> None:
            if not program.is_running():
                raise CannotMeasure(f"PostgreSQL ended: see {program.spec.log}")

        postgres.wait_until_ready(ensure_running)
        self.execute("postgres", f"CREATE DATABASE {TEMPLATE}")
        bootstrap.migrate()
        bootstrap.ensure_server_certificate()
        bootstrap.ensure_superuser()
        _, self.token = issue_token(get_user_model()._default_manager.get())

    def create_copy(self, database: str) -> None:
        """Create ``database`` as a copy of ``blank``, replacing one of that name."""
        connections.close_all()
        self.execute(
            "postgres",
            f"DROP DATABASE IF EXISTS {database}",
            f"CREATE DATABASE {database} TEMPLATE {TEMPLATE} STRATEGY file_copy",
        )

    @contextmanager
    def connect(self, database: str) -> Iterator[psycopg.Connection[Any]]:
        """Yield a connection in autocommit mode."""
        url = self.workspace.database_url(database)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection

    def execute(self, database: str, *statements: str) -> None:
        """Execute statements, each in its own transaction."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(sql.SQL(statement))

    def query_number(self, database: str, statement: str) -> int:
        """Return the number that ``statement`` selects, 0 for NULL."""
        with self.connect(database) as connection:
            row = connection.execute(sql.SQL(statement)).fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def pids(self) -> list[int]:
        """Return the process id of the server, whose children are all others."""
        process = self._program.process if self._program else None
        return [process.pid] if process else []

    def version(self) -> str:
        with self.connect("postgres") as connection:
            return connection.info.parameter_status("server_version") or "unknown"

    def stop(self) -> None:
        connections.close_all()
        if self._program:
            stop_programs([self._program])
