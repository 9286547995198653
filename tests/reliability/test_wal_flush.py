"""A commit is flushed to disk before the device receives its receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.reliability.database import connect, fetch_value
from tests.reliability.load import measurement
from tests.support.devices import Device
from tests.support.stack import Stack

pytestmark = pytest.mark.slow

_COMMITTED = """
SELECT count(*)
FROM pg_get_wal_records_info(%s, %s)
WHERE resource_manager = 'Transaction' AND record_type = 'COMMIT'
  AND xid = (SELECT xmin FROM ingest_measurement WHERE id = %s)
"""


@pytest.fixture
def session(own_stack: Stack) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Yield a session of a server whose WAL writer flushes only every ten seconds."""
    with connect(own_stack) as session:
        session.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
        session.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        session.execute("SELECT pg_reload_conf()")
        yield session
        session.execute("ALTER SYSTEM RESET wal_writer_delay")
        session.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("files", [1, 2])
def test_an_upload_is_flushed_before_its_response(
    own_stack: Stack,
    bind: Callable[[int], list[Device]],
    session: psycopg.Connection[tuple[object, ...]],
    files: int,
) -> None:
    (device,) = bind(1)
    for number in range(25):
        before = fetch_value(session, "SELECT pg_current_wal_insert_lsn()")
        answer = device.upload(*((f"hr-{n}", None, measurement(number)) for n in range(files)))
        flushed = fetch_value(session, "SELECT pg_current_wal_flush_lsn()")
        for receipt in answer.json()["files"]:
            assert receipt["status"] == "stored"
            assert fetch_value(session, _COMMITTED, before, flushed, receipt["id"]) == "1"
