"""Reload, restart and migration while devices send."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.storage.block_store import series_lock
from tests.device_endpoint.processes import child_named, descendants
from tests.reliability.database import connect, fetch_value
from tests.reliability.load import measurement, send_load, wait_for_responses
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until

# Starts and stops installations for minutes.
pytestmark = pytest.mark.debian

_NEWEST_IDENTITY = "SELECT identity_id FROM ingest_devicecertificate ORDER BY id DESC LIMIT 1"


def _reload(stack: Stack) -> None:
    assert stack.process is not None
    master = child_named(stack.process.pid, "device_wsgi")
    workers = set(descendants(master))
    reloads = stack.output.splitlines().count("reloaded")
    stack.process.send_signal(signal.SIGHUP)
    wait_until(lambda: stack.output.splitlines().count("reloaded") > reloads, "the reload")
    wait_until(lambda: workers.isdisjoint(descendants(master)), "new workers")


def test_no_request_fails_while_services_and_nginx_reload(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    with send_load(bind(4)) as result:
        for _ in range(4):
            _reload(own_stack)
            wait_for_responses(result, 20)
    assert result.errors == []
    assert set(result.statuses) == {200}


def test_requests_wait_while_a_killed_gunicorn_is_replaced(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    assert own_stack.process is not None
    with send_load(bind(4)) as result:
        wait_for_responses(result, 10)
        os.kill(child_named(own_stack.process.pid, "device_wsgi"), signal.SIGKILL)
        wait_for_responses(result, 30)
    # Each of the two workers was processing one request; the others waited.
    assert result.count(503) <= 2
    assert set(result.statuses) <= {200, 503}


def test_a_migration_under_load_causes_no_status_but_503(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    with send_load(bind(4)) as result, connect(own_stack) as session:
        session.execute("SET lock_timeout = '2s'")
        for table in ("ingest_measurement", "ingest_sampleblock"):
            session.execute(f"ALTER TABLE {table} ADD COLUMN spare text".encode())
            wait_for_responses(result, 15)
            session.execute(f"ALTER TABLE {table} DROP COLUMN spare".encode())
            wait_for_responses(result, 15)
    assert set(result.statuses) <= {200, 503}
    assert all("database_unavailable" in error for error in result.errors)


def test_shutdown_waits_for_uploads_in_progress(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    (device,) = bind(1)
    with ThreadPoolExecutor(1) as pool, connect(own_stack) as session:
        identity = fetch_value(session, _NEWEST_IDENTITY)
        number = series_lock(int(identity), "hr")
        session.execute("SELECT pg_advisory_lock(%s)", [number])
        waiting = pool.submit(device.upload, ("hr", None, measurement(1)))
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: fetch_value(session, held) == "1", "the upload to wait")
        assert own_stack.process is not None
        own_stack.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "ending ..." in own_stack.output, "the shutdown to begin")
        session.execute("SELECT pg_advisory_unlock(%s)", [number])
        assert waiting.result(60).status_code == 200
    own_stack.process.wait(60)
    own_stack.start()
