"""The database that queries read: the primary, or the replica for analysts.

The middleware chooses one for each request; the default, also in commands, is the primary. The
choice stays in force in its context until the next one, because streaming responses read samples
after the view has returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.db import connections, transaction

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

PRIMARY, REPLICA = "default", "analytics"

_chosen: ContextVar[str] = ContextVar("database_to_read", default=PRIMARY)


def has_replica() -> bool:
    """Return whether a replica is configured (``ANALYTICS_DATABASE_URL``)."""
    return REPLICA in settings.DATABASES


def choose(*, replica: bool) -> None:
    """Choose the replica, if there is one, or the primary for the queries that follow."""
    _chosen.set(REPLICA if replica and has_replica() else PRIMARY)


def is_replica() -> bool:
    return _chosen.get() == REPLICA


class _Connection:
    """Proxy for the connection of the chosen database, like ``django.db.connection``."""

    def __getattr__(self, name: str) -> Any:
        return getattr(connections[_chosen.get()], name)


connection = cast("BaseDatabaseWrapper", _Connection())


@contextmanager
def read_snapshot() -> Iterator[None]:
    """Let the statements inside read one state of the database; of the transaction, in one."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(using=_chosen.get()):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
