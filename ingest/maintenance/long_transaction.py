"""Transactions of commands that take their time, beside devices that do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

# Uploads hold the lock of a series for milliseconds, other commands for seconds.
LOCK_TIMEOUT = "60s"

_AT_LEISURE = """
SELECT set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('lock_timeout', %s, true)
"""


@contextmanager
def transaction_without_timeouts(*, snapshot: bool = False) -> Iterator[None]:
    """Run a transaction that the time limits of requests do not end.

    With ``snapshot`` it only reads, and everything as of its first statement. Raises
    ``django.db.Error``.
    """
    with transaction.atomic(durable=True), connection.wrap_database_errors:
        with connection.cursor() as cursor:
            if snapshot:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(_AT_LEISURE, [LOCK_TIMEOUT])
        yield
