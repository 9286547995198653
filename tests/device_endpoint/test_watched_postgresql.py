"""A wait for PostgreSQL ends when the server answers nobody, and only then."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from device_endpoint.watched_postgresql.base import DatabaseWrapper, ServerProbe


@pytest.fixture
def watched(live_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabaseWrapper]:
    """Give a connection as the staff site has them."""
    monkeypatch.setattr(DatabaseWrapper, "is_watching", True)
    monkeypatch.setattr(DatabaseWrapper, "_probes", {})
    wrapper = DatabaseWrapper(connection.settings_dict, "watched")
    yield wrapper
    wrapper.close()


@pytest.fixture
def silent_server(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Give the address of a server whose kernel accepts connections and that reads none."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / ".s.PGSQL.5432"))
        server.listen()
        yield {"host": str(tmp_path), "dbname": "any", "user": "any"}


def sleep(wrapper: DatabaseWrapper, seconds: float) -> None:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def test_a_statement_fails_when_the_server_is_silent(
    watched: DatabaseWrapper, silent_server: dict[str, Any]
) -> None:
    watched.ensure_connection()
    watched._probes["watched"] = watched.connection.probe = ServerProbe(silent_server)
    with pytest.raises(OperationalError, match="does not answer"):
        sleep(watched, 60)
    # Nor is another connection tried for a moment.
    watched.close()
    with pytest.raises(OperationalError, match="does not answer"):
        watched.ensure_connection()


def test_a_transaction_ends_with_it(
    watched: DatabaseWrapper, silent_server: dict[str, Any]
) -> None:
    watched.set_autocommit(False)
    watched.connection.probe = ServerProbe(silent_server)
    with pytest.raises(OperationalError, match="does not answer"):
        sleep(watched, 60)
    assert watched.connection.closed


def test_a_long_statement_goes_on(watched: DatabaseWrapper) -> None:
    sleep(watched, 2)


def test_a_server_that_refuses_has_answered(tmp_path: Path) -> None:
    assert not ServerProbe({"host": str(tmp_path), "dbname": "any"}).is_silent()
