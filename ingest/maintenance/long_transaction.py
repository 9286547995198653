"""Transactions exempt from the request timeouts, for maintenance commands.

The changes feed ends before the oldest transaction that may still write, so one that lasts would
hold every reader back. A transaction that has had its number for a minute is ended; the command
reports it, nothing of the step is stored, and the next run repeats it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connection, transaction

# Uploads hold the lock of a series for milliseconds, commands for seconds.
LOCK_TIMEOUT = "60s"
MAX_WRITING_SECONDS = 60.0
# The number of times that a transaction is examined in that time.
_POLLS_IN_LIMIT = 12

_SET_TIMEOUTS = """
SELECT pg_backend_pid(),
       set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('lock_timeout', %s, true)
"""
_IS_WRITING = "SELECT backend_xid IS NOT NULL FROM pg_stat_activity WHERE pid = %s"
_END = "SELECT pg_terminate_backend(%s)"


@contextmanager
def transaction_without_timeouts(
    *, snapshot: bool = False, max_writing_seconds: float = MAX_WRITING_SECONDS
) -> Iterator[None]:
    """Run a transaction without the statement and idle timeouts of requests.

    With ``snapshot`` it is read-only and sees the state of its first statement. Raises
    ``django.db.Error``, also if it has written for longer than ``max_writing_seconds``.
    """
    with transaction.atomic(durable=True), connection.wrap_database_errors:
        with connection.cursor() as cursor:
            if snapshot:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(_SET_TIMEOUTS, [LOCK_TIMEOUT])
            process_id = cursor.fetchone()[0]
        if snapshot:  # it never has a number
            yield
            return
        with _ended_after(process_id, max_writing_seconds):
            yield


@contextmanager
def _ended_after(process_id: int, seconds: float) -> Iterator[None]:
    """End the session of ``process_id`` when its transaction has written for ``seconds``."""
    has_ended = threading.Event()
    watcher = threading.Thread(
        target=_watch,
        args=(process_id, seconds, has_ended),
        name="watch transaction",
        daemon=True,
    )
    watcher.start()
    try:
        yield
    finally:
        has_ended.set()
        watcher.join()


def _watch(process_id: int, seconds: float, has_ended: threading.Event) -> None:
    """Examine the transaction now and then, through this thread's own connection."""
    interval = seconds / _POLLS_IN_LIMIT
    number_since: float | None = None
    try:
        while not has_ended.wait(interval):
            with connection.cursor() as cursor:
                cursor.execute(_IS_WRITING, [process_id])
                row = cursor.fetchone()
                if row is None or not row[0]:
                    continue
                if number_since is None:
                    number_since = time.monotonic() - interval
                if time.monotonic() - number_since >= seconds - interval:
                    cursor.execute(_END, [process_id])
                    return
    except Error:
        return  # without the database the transaction ends too
    finally:
        connection.close()
