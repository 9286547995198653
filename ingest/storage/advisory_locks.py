"""Advisory locks of a transaction, for things that have no row yet."""

from __future__ import annotations

import hashlib

from django.db import connection


def acquire(purpose: str, thing: bytes) -> None:
    """Wait for the lock on ``thing`` and hold it until the transaction ends.

    ``purpose`` separates locks on equal bytes. Call it inside a transaction: only the statements
    after it see what the previous holder committed. Raises ``OperationalError`` when the wait
    exceeds the server's ``lock_timeout``.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number(purpose, thing)])


def try_acquire(purpose: str, thing: bytes) -> bool:
    """Acquire the lock on ``thing`` if it is free; return whether it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number(purpose, thing)])
        return bool(cursor.fetchone()[0])


def number(purpose: str, thing: bytes) -> int:
    """Return the number of the lock, for SQL functions that acquire it themselves."""
    digest = hashlib.sha256(purpose.encode() + b"\0" + thing).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
