"""Sessions of an installation's embedded PostgreSQL, past the product."""

from __future__ import annotations

from pathlib import Path

import psycopg

from tests.support.stack import Stack

NAME = "device_endpoint"


def sockets(stack: Stack) -> Path:
    """Return the folder of the server's socket."""
    return stack.var_dir / "run" / "postgres"


def connect(stack: Stack) -> psycopg.Connection[tuple[object, ...]]:
    """Return a session in which each statement is a transaction."""
    return psycopg.connect(host=str(sockets(stack)), user=NAME, dbname=NAME, autocommit=True)


def value(session: psycopg.Connection[tuple[object, ...]], query: str, *parameters: object) -> str:
    """Return the one value that ``query`` gives, as text."""
    row = session.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return str(row[0])
