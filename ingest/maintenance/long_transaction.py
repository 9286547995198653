"""Transactions exempt from the request timeouts, for maintenance commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

# Uploads hold the lock of a series for milliseconds, commands for seconds.
LOCK_TIMEOUT = "60s"

_SET_TIMEOUTS = """
SELECT set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('lock_timeout', %s, true)
"""


@contextmanager
def transaction_without_timeouts(*, snapshot: bool = False) -> Iterator[None]:
    """Run a transaction without the statement and idle timeouts of requests.

    With ``snapshot`` it is read-only and sees the state of its first statement. Raises
    ``django.db.Error``.
    """
    with transaction.atomic(durable=True), connection.wrap_database_errors:
        with connection.cursor() as cursor:
            if snapshot:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(_SET_TIMEOUTS, [LOCK_TIMEOUT])
        yield
