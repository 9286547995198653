"""Hold the lock of a series, as another upload would, and observe what waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from identities.models import Identity
from ingest.storage.block_store import series_lock

_WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()
"""


@contextmanager
def series_locked(identity: Identity, name: str) -> Iterator[None]:
    """Hold the lock of a series."""
    number = series_lock(identity.pk, name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [number])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def wait_for_waiting(count: int) -> None:
    """Return when this many transactions wait for such locks."""
    deadline = time.monotonic() + 20
    found = -1
    while found != count:
        assert time.monotonic() < deadline, f"{found} wait, not {count}"
        with connection.cursor() as cursor:
            cursor.execute(_WAITING)
            found = cursor.fetchone()[0]
        time.sleep(0.01)
