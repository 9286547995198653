"""Run work on the database: again where that is safe, refused where it is not to be had.

All work that is passed here may be repeated: an upload that was committed although the
connection broke before the answer is found again by its hash.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TypeVar

import psycopg
from django.db import Error, InterfaceError, InternalError, OperationalError, connection

from ingest.errors import DatabaseUnavailable

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 4
RETRY_AFTER_SECONDS = (5, 30)

_T = TypeVar("_T")
_AWAY = (
    OperationalError,
    InterfaceError,
    InternalError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
    psycopg.errors.InvalidSqlStatementName,
    psycopg.errors.DuplicatePreparedStatement,
)
# Serialization failure, deadlock, prepared statement forgotten or there already: to be tried again.
_CONFLICTS = ("40001", "40P01", "26000", "42P05")


def run_with_retry(work: Callable[[], _T]) -> _T:
    """Return what ``work`` returns, after up to ``TRIES`` tries.

    A conflict with another transaction is tried again; so is, once, a connection that turned
    out to be dead. Raises ``DatabaseUnavailable`` where the database is away, full, read-only
    or too slow; other errors are passed on.
    """
    reconnected = False
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return work()
        except _AWAY as error:
            if _is_conflict(error):
                continue
            if reconnected or not _is_lost():
                raise _unavailable(error) from error
            reconnected = True
            connection.close()
    try:
        return work()
    except _AWAY as error:
        raise _unavailable(error) from error


def _is_conflict(error: BaseException) -> bool:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return isinstance(cause, psycopg.Error) and cause.sqlstate in _CONFLICTS


def _is_lost() -> bool:
    return connection.connection is not None and connection.connection.closed


def _unavailable(error: Error | psycopg.Error) -> DatabaseUnavailable:
    logger.error("database unavailable: %s: %s", type(error).__name__, str(error).strip())
    if _is_lost():
        connection.close()
    # Jitter, so that the devices that were turned away together do not come back together.
    return DatabaseUnavailable(retry_after=random.randint(*RETRY_AFTER_SECONDS))  # noqa: S311
