"""The one PostgreSQL of a run: the product's embedded one, with a database for each part.

All databases of the product are copies of ``blank``, which has the tables, the devices and a
login, so that a fresh one is there at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.contrib.auth import get_user_model
from django.db import connections
from psycopg import sql

from benchmarks.processes import CannotMeasure, stop
from benchmarks.workspace import Place
from device_endpoint.supervisor import bootstrap
from device_endpoint.supervisor.embedded_postgres import EmbeddedPostgres
from device_endpoint.supervisor.executables import postgres_folder
from device_endpoint.supervisor.process import Program
from identities.credentials import issue_token

BLANK = "blank"


class Cluster:
    """A running PostgreSQL; ``token`` opens the read API in every copy of ``blank``."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.binaries = postgres_folder()
        self._program: Program | None = None
        self.token = ""

    def start(self) -> None:
        """Start the server and make ``blank``."""
        host = self.place.root / "host"
        bootstrap.make_folders(host)
        postgres = EmbeddedPostgres(host, self.binaries, self.place.log("postgres"))
        postgres.prepare()
        program = Program(postgres.spec())
        program.start()
        self._program = program

        def still_running() -> None:
            if not program.is_running():
                raise CannotMeasure(f"PostgreSQL ended: see {program.spec.log}")

        postgres.wait_until_ready(still_running)
        self.execute("postgres", f"CREATE DATABASE {BLANK}")
        bootstrap.migrate()
        bootstrap.ensure_server_certificate()
        bootstrap.ensure_superuser()
        user = get_user_model()._default_manager.get()
        _, self.token = issue_token(user)

    def copy_blank(self, database: str) -> None:
        """Make ``database`` a copy of ``blank``, in place of an earlier one of that name."""
        connections.close_all()
        name = sql.Identifier(database)
        self.execute("postgres", sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
        command = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
        self.execute("postgres", sql.SQL(command).format(name, sql.Identifier(BLANK)))

    @contextmanager
    def connect(self, database: str) -> Iterator[psycopg.Connection[Any]]:
        """Give a connection in autocommit mode."""
        with psycopg.connect(self.place.database_url(database), autocommit=True) as connection:
            yield connection

    def execute(self, database: str, *statements: str | sql.SQL | sql.Composed) -> None:
        """Run statements, each a transaction of its own."""
        with self.connect(database) as connection:
            for statement in statements:
                text = sql.SQL(statement) if isinstance(statement, str) else statement
                connection.execute(text)

    def number(self, database: str, statement: str) -> int:
        """Return the one number that ``statement`` selects."""
        with self.connect(database) as connection:
            row = connection.execute(sql.SQL(statement)).fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def version(self) -> str:
        """Return PostgreSQL's version."""
        with self.connect("postgres") as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]) if row else "unknown"

    def stop(self) -> None:
        """End the server."""
        connections.close_all()
        if self._program:
            stop(self._program)
