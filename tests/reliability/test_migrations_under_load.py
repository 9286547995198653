"""Migrations run while devices send, and not one request fails for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from device_endpoint.env import PROJECT_DIR
from tests.reliability.database import connect
from tests.reliability.load import Sent, sending, wait_for_more
from tests.support.devices import Device
from tests.support.stack import Stack

# Devices that send for a minute: more than `make test` may take.
pytestmark = pytest.mark.debian


def _migrate(stack: Stack, *to: str) -> subprocess.Popen[str]:
    """Start ``manage.py migrate`` of a release that has these migrations."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "growing", *to, "--no-input"],
        cwd=PROJECT_DIR,
        env=stack.environment
        | {"DJANGO_SETTINGS_MODULE": "tests.reliability.migration_app_settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ends_well(migration: subprocess.Popen[str]) -> None:
    _, said = migration.communicate(timeout=300)
    assert migration.returncode == 0, said


def _all_was_taken(sent: Sent) -> None:
    assert sent.troubles == []
    assert set(sent.answers) == {200}


def test_no_request_fails_while_tables_grow_and_shrink(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    with sending(bind(4)) as sent:
        wait_for_more(sent, 20)
        for to in ([], ["zero"]):
            _ends_well(_migrate(own_stack, *to))
            wait_for_more(sent, 20)
    _all_was_taken(sent)


def test_a_reader_in_the_way_makes_the_migration_step_back_and_no_request_fail(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    with sending(bind(4)) as sent:
        with connect(own_stack) as session, session.transaction():
            session.execute("SELECT count(*) FROM ingest_measurement")
            migration = _migrate(own_stack, "0001")
            assert migration.stderr is not None
            assert "a table is in use: trying again" in migration.stderr.readline()
            wait_for_more(sent, 20)
        _ends_well(migration)
        wait_for_more(sent, 20)
        _ends_well(_migrate(own_stack, "zero"))
    _all_was_taken(sent)
