"""A database in which a stub replaces the functions of Citus."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.database import database_address, new_database
from tests.support.programs import run_program
from tests.support.stack import clean_environment

CITUS_STUB = (Path(__file__).parent / "citus_stub.sql").read_text()


class Database:
    """A database with the product's tables."""

    def __init__(self, url: str, var_dir: Path) -> None:
        self.url = url
        self._environment = clean_environment(DATABASE_URL=url, VAR_DIR=str(var_dir))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_program("manage.py", *arguments, environment=self._environment)

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Execute a statement and return its rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def database(django_db_setup: None, tmp_path: Path) -> Iterator[Database]:
    """Yield a database without Citus."""
    with new_database() as name:
        yield Database(database_address(name), tmp_path / "var")


@pytest.fixture
def coordinator(database: Database) -> Database:
    """Return a database with the stub of Citus."""
    database.execute(CITUS_STUB)
    return database
