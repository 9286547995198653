"""Samples are stored once under any default isolation level of the server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.reliability.database import NAME, connect, fetch_value
from tests.reliability.load import START_MS
from tests.support.devices import Device
from tests.support.stack import Stack

pytestmark = pytest.mark.slow

_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def test_overlapping_uploads_are_stored_once_in_repeatable_read(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    devices = bind(4)
    with connect(own_stack) as session:
        session.execute(
            f"ALTER DATABASE {NAME} SET default_transaction_isolation = 'repeatable read'".encode()
        )
        session.execute(_END_SESSIONS)
        try:
            for round_number in range(10):
                start = START_MS + round_number * 1000
                contents = [f"{start},{number}\n".encode() for number in range(4)]
                with ThreadPoolExecutor(4) as pool:
                    sent = [
                        pool.submit(device.upload, ("isolated", None, content))
                        for device, content in zip(devices, contents, strict=True)
                    ]
                assert [future.result().status_code for future in sent] == [200] * 4
        finally:
            session.execute(f"ALTER DATABASE {NAME} RESET default_transaction_isolation".encode())
            session.execute(_END_SESSIONS)
        stored = "SELECT sum(sample_count) FROM ingest_sampleblock WHERE name = 'isolated'"
        assert fetch_value(session, stored) == "10"
