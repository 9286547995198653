"""What an operator does while devices send: none of their requests fails for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.storage.block_store import series_lock
from tests.device_endpoint.processes import child_named, descendants
from tests.reliability.database import connect, value
from tests.reliability.load import measurement, sending, wait_for_more
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until

# Minutes of starting and stopping whole stacks: more than `make test` may take.
pytestmark = pytest.mark.debian

_NEWEST_IDENTITY = "SELECT identity_id FROM ingest_devicecertificate ORDER BY id DESC LIMIT 1"


def _reload(stack: Stack) -> None:
    assert stack.process is not None
    door = child_named(stack.process.pid, "device_wsgi")
    workers = set(descendants(door))
    said = stack.output.splitlines().count("reloaded")
    stack.process.send_signal(signal.SIGHUP)
    wait_until(lambda: stack.output.splitlines().count("reloaded") > said, "the reload")
    wait_until(lambda: workers.isdisjoint(descendants(door)), "new workers")


def test_no_request_fails_while_the_doors_and_nginx_are_reloaded(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    with sending(bind(4)) as sent:
        for _ in range(4):
            _reload(own_stack)
            wait_for_more(sent, 20)
    assert sent.troubles == []
    assert set(sent.answers) == {200}


def test_requests_wait_while_a_killed_gunicorn_is_replaced(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    assert own_stack.process is not None
    with sending(bind(4)) as sent:
        wait_for_more(sent, 10)
        os.kill(child_named(own_stack.process.pid, "device_wsgi"), signal.SIGKILL)
        wait_for_more(sent, 30)
    # The two workers had a request each in hand; the others waited.
    assert sent.of(503) <= 2
    assert set(sent.answers) <= {200, 503}


def test_a_migration_while_devices_send_costs_no_answer_but_503(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    with sending(bind(4)) as sent, connect(own_stack) as session:
        session.execute("SET lock_timeout = '2s'")
        for table in ("ingest_measurement", "ingest_sampleblock"):
            session.execute(f"ALTER TABLE {table} ADD COLUMN spare text".encode())
            wait_for_more(sent, 15)
            session.execute(f"ALTER TABLE {table} DROP COLUMN spare".encode())
            wait_for_more(sent, 15)
    assert set(sent.answers) <= {200, 503}
    assert all("database_unavailable" in trouble for trouble in sent.troubles)


def test_an_upload_in_flight_is_finished_before_the_end(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    (device,) = bind(1)
    with ThreadPoolExecutor(1) as pool, connect(own_stack) as session:
        identity = value(session, _NEWEST_IDENTITY)
        number = series_lock(int(identity), "hr")
        session.execute("SELECT pg_advisory_lock(%s)", [number])
        waiting = pool.submit(device.upload, ("hr", None, measurement(1)))
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: value(session, held) == "1", "the upload to wait")
        assert own_stack.process is not None
        own_stack.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "ending ..." in own_stack.output, "the end to begin")
        session.execute("SELECT pg_advisory_unlock(%s)", [number])
        assert waiting.result(60).status_code == 200
    own_stack.process.wait(60)
    own_stack.start()
