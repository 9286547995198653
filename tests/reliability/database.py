"""Direct sessions with the embedded PostgreSQL of an installation."""

from __future__ import annotations

from pathlib import Path

import psycopg

from tests.support.stack import Stack

NAME = "device_endpoint"


def socket_folder(stack: Stack) -> Path:
    return stack.var_dir / "run" / "postgres"


def connect(stack: Stack) -> psycopg.Connection[tuple[object, ...]]:
    """Open a session in autocommit mode."""
    return psycopg.connect(host=str(socket_folder(stack)), user=NAME, dbname=NAME, autocommit=True)


def fetch_value(
    session: psycopg.Connection[tuple[object, ...]], query: str, *parameters: object
) -> str:
    """Return the single value of ``query`` as text."""
    row = session.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return str(row[0])
