"""Which database is read: the one that devices write to, or a replica of it for analysts.

Whoever takes a request chooses for it; without a choice, and in every command but those that say
otherwise, it is the one that is written to. The choice holds for the thread until the next one,
since the samples of an answer are read while it is being sent.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.db import connections

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

PRIMARY, REPLICA = "default", "analytics"

_chosen: ContextVar[str] = ContextVar("database_to_read", default=PRIMARY)


def has_replica() -> bool:
    """Tell whether there is a replica (``ANALYTICS_DATABASE_URL``)."""
    return REPLICA in settings.DATABASES


def choose(*, replica: bool) -> None:
    """Read from the replica, if there is one, or from the database that is written to."""
    _chosen.set(REPLICA if replica and has_replica() else PRIMARY)


def is_replica() -> bool:
    """Tell whether the replica is what is read now."""
    return _chosen.get() == REPLICA


class _Connection:
    """Stands for the connection of the database that is read now, as Django's own proxy does."""

    def __getattr__(self, name: str) -> Any:
        return getattr(connections[_chosen.get()], name)


connection = cast("BaseDatabaseWrapper", _Connection())
