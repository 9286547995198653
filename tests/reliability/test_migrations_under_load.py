"""Migrations run while devices send, and no request fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from device_endpoint.env import PROJECT_DIR
from tests.reliability.database import connect
from tests.reliability.load import LoadResult, send_load, wait_for_responses
from tests.support.devices import Device
from tests.support.stack import Stack

# Devices send for a minute.
pytestmark = pytest.mark.debian


def _migrate(stack: Stack, *to: str) -> subprocess.Popen[str]:
    """Start ``manage.py migrate`` with the settings of the next release."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "migration_app", *to, "--no-input"],
        cwd=PROJECT_DIR,
        env=stack.environment
        | {"DJANGO_SETTINGS_MODULE": "tests.reliability.migration_app_settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_for_success(migration: subprocess.Popen[str]) -> None:
    _, errors = migration.communicate(timeout=300)
    assert migration.returncode == 0, errors


def _assert_all_accepted(result: LoadResult) -> None:
    assert result.errors == []
    assert set(result.statuses) == {200}


def test_no_request_fails_while_columns_come_and_go(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    with send_load(bind(4)) as result:
        wait_for_responses(result, 20)
        for to in ([], ["zero"]):
            _wait_for_success(_migrate(own_stack, *to))
            wait_for_responses(result, 20)
    _assert_all_accepted(result)


def test_a_long_read_delays_the_migration_but_no_request(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    with send_load(bind(4)) as result:
        with connect(own_stack) as session, session.transaction():
            session.execute("SELECT count(*) FROM ingest_measurement")
            migration = _migrate(own_stack, "0001")
            assert migration.stderr is not None
            assert "a table is in use: trying again" in migration.stderr.readline()
            wait_for_responses(result, 20)
        _wait_for_success(migration)
        wait_for_responses(result, 20)
        _wait_for_success(_migrate(own_stack, "zero"))
    _assert_all_accepted(result)
