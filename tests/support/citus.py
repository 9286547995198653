"""The databases of a test process on a Citus cluster, instead of a PostgreSQL of its own.

``TEST_CITUS`` names the nodes, the coordinator first, as libpq names several hosts:
``postgres://USER@HOST:PORT,HOST:PORT,…``. Every node holds a database of each name, and Citus finds
the shards of a database in that of the same name, so a copy of all of them is a distributed
database again. The databases of an earlier run are replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

SETTING = "TEST_CITUS"
DROP_ATTEMPTS = 6


class CitusNodes:
    """The nodes that ``TEST_CITUS`` names."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        account, _, hosts = parts.netloc.rpartition("@")
        self.user, _, self.password = map(unquote, account.partition(":"))
        self.nodes = [
            (host, int(port)) for host, _, port in (x.partition(":") for x in hosts.split(","))
        ]

    @classmethod
    def of_environment(cls) -> CitusNodes | None:
        """Return the nodes of ``TEST_CITUS``, None if it is unset."""
        url = os.environ.get(SETTING, "")
        return cls(url) if url else None

    def address(self, database: str, node: int = 0) -> str:
        """Return a database of a node, by default of the coordinator, as a ``DATABASE_URL``."""
        host, port = self.nodes[node]
        password = f":{quote(self.password, safe='')}" if self.password else ""
        return f"postgres://{quote(self.user, safe='')}{password}@{host}:{port}/{database}"

    def create(self, database: str) -> None:
        """Create an empty database that is a cluster of all nodes."""
        self.drop(database)
        for node in range(len(self.nodes)):
            with psycopg.connect(self.address("postgres", node), autocommit=True) as session:
                session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
            with psycopg.connect(self.address(database, node), autocommit=True) as session:
                session.execute("CREATE EXTENSION citus")
        (coordinator, port), *workers = self.nodes
        with psycopg.connect(self.address(database), autocommit=True) as session:
            session.execute("SELECT citus_set_coordinator_host(%s, %s)", [coordinator, port])
            for host, port in workers:
                session.execute("SELECT citus_add_node(%s, %s)", [host, port])

    def copy(self, database: str, name: str) -> None:
        """Copy a database that nothing uses on every node."""
        self.drop(name)
        for node in range(len(self.nodes)):
            with psycopg.connect(self.address("postgres", node), autocommit=True) as session:
                # Citus keeps a process in each of its databases.
                statement = "ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}"
                source = sql.Identifier(database)
                session.execute(sql.SQL(statement).format(source, sql.SQL("false")))
                session.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                    " WHERE datname = %s",
                    [database],
                )
                create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                session.execute(create.format(sql.Identifier(name), source))
                session.execute(sql.SQL(statement).format(source, sql.SQL("true")))

    def drop(self, database: str) -> None:
        """Drop a database on every node, if it exists.

        Each node holds connections to the others' databases, and opens new ones.
        """
        name = sql.Identifier(database)
        for node in range(len(self.nodes)):
            with (
                suppress(psycopg.errors.InvalidCatalogName),
                psycopg.connect(self.address("postgres", node), autocommit=True) as session,
            ):
                session.execute(
                    sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(name)
                )
        for node in range(len(self.nodes)):
            with psycopg.connect(self.address("postgres", node), autocommit=True) as session:
                self._drop(session, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    @staticmethod
    def _drop(session: psycopg.Connection[Any], statement: sql.Composed) -> None:
        # A process of Citus may take longer to end than FORCE waits for it.
        for _ in range(DROP_ATTEMPTS - 1):
            with suppress(psycopg.errors.ObjectInUse):
                session.execute(statement)
                return
        session.execute(statement)


@contextmanager
def databases_on(nodes: CitusNodes, template: str, copies: tuple[str, ...]) -> Iterator[None]:
    """Make the distributed database ``template`` and its copies; drop them at the end."""
    nodes.create(template)
    connections.settings["default"]["NAME"] = template
    call_command("migrate", interactive=False, verbosity=0)
    call_command("distribute", verbosity=0)
    connections.close_all()
    for name in copies:
        nodes.copy(template, name)
    yield
    connections.close_all()
    for name in (template, *copies):
        nodes.drop(name)
