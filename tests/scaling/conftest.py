"""A database in which a stub replaces the functions of Citus."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from device_endpoint.env import PROJECT_DIR
from tests.support.database import database_address
from tests.support.stack import clean_environment

CITUS_STUB = (Path(__file__).parent / "citus_stub.sql").read_text()


class Database:
    """A database with the product's tables."""

    def __init__(self, url: str, var_dir: Path) -> None:
        self.url = url
        self._environment = clean_environment(DATABASE_URL=url, VAR_DIR=str(var_dir))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT_DIR,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Execute a statement and return its rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def server(django_db_setup: None) -> str:
    """Return the URL of the tests' PostgreSQL without a database."""
    return database_address().rpartition("/")[0]


@pytest.fixture(scope="session")
def template(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the name of a database with the product's empty tables."""
    name = f"undistributed_{uuid.uuid4().hex[:12]}"
    _execute_on_server(server, f"CREATE DATABASE {name}")
    database = Database(f"{server}/{name}", tmp_path_factory.mktemp("template") / "var")
    run = database.manage("migrate", "--verbosity", "0")
    assert run.returncode == 0, run.stderr
    yield name
    _execute_on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(server: str, template: str, tmp_path: Path) -> Iterator[Database]:
    """Yield a database without Citus."""
    name = f"distributed_{uuid.uuid4().hex[:12]}"
    _execute_on_server(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield Database(f"{server}/{name}", tmp_path / "var")
    _execute_on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute_on_server(server: str, statement: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def coordinator(database: Database) -> Database:
    """Return a database with the stub of Citus."""
    database.execute(CITUS_STUB)
    return database
