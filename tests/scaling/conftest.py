"""A database of its own, in which the calls to Citus are answered by a stand-in."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from device_endpoint.env import PROJECT_DIR
from tests.support.stack import clean_environment, database_address

STAND_IN = (Path(__file__).parent / "citus_stub.sql").read_text()


class Database:
    """A database with the product's tables; ``address`` is its ``DATABASE_URL``."""

    def __init__(self, address: str, var_dir: Path) -> None:
        self.address = address
        self._environment = clean_environment(DATABASE_URL=address, VAR_DIR=str(var_dir))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``manage.py`` command."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT_DIR,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Execute SQL and return the rows, if it has any."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def server(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> str:
    """Give the address of the tests' PostgreSQL, without a database."""
    with django_db_blocker.unblock():
        return database_address().rpartition("/")[0]


@pytest.fixture(scope="session")
def template(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the name of a database that holds the product's empty tables."""
    name = f"undistributed_{uuid.uuid4().hex[:12]}"
    _administer(server, f"CREATE DATABASE {name}")
    made = Database(f"{server}/{name}", tmp_path_factory.mktemp("template") / "var")
    run = made.manage("migrate", "--verbosity", "0")
    assert run.returncode == 0, run.stderr
    yield name
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(server: str, template: str, tmp_path: Path) -> Iterator[Database]:
    """Give a database without Citus."""
    name = f"distributed_{uuid.uuid4().hex[:12]}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield Database(f"{server}/{name}", tmp_path / "var")
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(server: str, statement: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def coordinator(database: Database) -> Database:
    """Give a database in which a stand-in answers for Citus."""
    database.execute(STAND_IN)
    return database
