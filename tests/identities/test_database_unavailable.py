"""Commands without their database: one line that says what to do, and no trace."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from django.db import connection
from django.db.utils import OperationalError, ProgrammingError

from identities.management.base import explain
from tests.support.programs import run_program


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "device_endpoint.settings.staff",
        "DATABASE_URL": f"postgres://nobody@{str(tmp_path).replace('/', '%2F')}/nothing",
        "VAR_DIR": str(tmp_path),
    }
    return run_program("manage.py", *arguments, environment=environment)


@pytest.mark.parametrize("command", ["issue_psk", "issue_token"])
def test_a_command_says_that_the_database_is_not_running(tmp_path: Path, command: str) -> None:
    ended = run(tmp_path, command, "bed-12", "--json")
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert "The database is not running" in line
    assert "make up" in line


def test_a_database_without_tables_is_named_as_such(db: None) -> None:
    with pytest.raises(ProgrammingError) as failure, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM table_that_nobody_made")
    assert "has not been set up" in str(explain(failure.value))


def test_a_statement_timeout_is_not_a_missing_database(db: None) -> None:
    slow = "SET LOCAL statement_timeout = 10; SELECT pg_sleep(1)"
    with pytest.raises(OperationalError) as failure, connection.cursor() as cursor:
        cursor.execute(slow)
    assert "gave up" in str(explain(failure.value))


def test_a_wrong_statement_is_a_bug_and_keeps_its_trace(db: None) -> None:
    with pytest.raises(ProgrammingError) as failure, connection.cursor() as cursor:
        cursor.execute("SELEC 1")
    assert explain(failure.value) is None
