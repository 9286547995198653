"""Locks on things that have no row yet, held by the database for a transaction."""

from __future__ import annotations

import hashlib

from django.db import connection


def acquire(purpose: str, thing: bytes) -> None:
    """Wait for the lock on ``thing``, unless this transaction has it, and keep it to its end.

    ``purpose`` keeps apart locks on equal bytes. To be called inside a transaction, and by the
    next statement: what the previous holder committed is seen only by statements after this.
    Raises ``OperationalError`` when the wait is longer than the server's ``lock_timeout``.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_number(purpose, thing)])


def try_acquire(purpose: str, thing: bytes) -> bool:
    """Take the lock on ``thing`` as ``hold`` does if it is free; tell whether it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_number(purpose, thing)])
        return bool(cursor.fetchone()[0])


def _number(purpose: str, thing: bytes) -> int:
    digest = hashlib.sha256(purpose.encode() + b"\0" + thing).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
