"""Run database work: retry it where that is safe, report an unavailable database.

All work passed here may be repeated: an upload that was committed although the connection broke
before the answer is found again by its hash.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from django.db import (
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)

from ingest.storage import cluster, prepared_statements
from ingest.storage.limited_connection import NoAnswer

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 4
RETRY_AFTER_SECONDS = (5, 30)

_T = TypeVar("_T")
DATABASE_UNAVAILABLE_ERRORS = (
    OperationalError,
    InterfaceError,
    InternalError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
    psycopg.errors.InvalidSqlStatementName,
    psycopg.errors.DuplicatePreparedStatement,
)
# Serialization failure, deadlock, prepared statement missing or already there: to be retried.
_CONFLICTS = ("40001", "40P01", "26000", "42P05")


class DatabaseUnavailable(Exception):
    """The database is away, full, read-only or too slow; ``retry_after`` is in seconds."""

    def __init__(self, detail: str = "", *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


def run_with_retry(work: Callable[[], _T]) -> _T:
    """Return what ``work`` returns, after at most ``MAX_ATTEMPTS`` attempts.

    A conflict with another transaction is retried; so is, once, a connection that proved dead
    (not one that was given up after its limit).
    Raises ``DatabaseUnavailable``; other errors pass through.
    """
    reconnected = False
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return work()
        except DATABASE_UNAVAILABLE_ERRORS as error:
            if _is_conflict(error):
                continue
            if reconnected or _is_given_up(error) or not _is_lost():
                raise _unavailable(error) from error
            reconnected = True
            connection.close()
    try:
        return work()
    except DATABASE_UNAVAILABLE_ERRORS as error:
        raise _unavailable(error) from error


def fetch_within(
    seconds: float, statement: str, parameters: Sequence[Any]
) -> list[tuple[Any, ...]] | None:
    """Return the rows of a query, None if it takes longer; the transaction goes on either way.

    For what an answer does not depend on. To be called in a transaction.
    """
    timeout = f"{max(1, round(seconds * 1000))}ms"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            (before,) = cursor.fetchone()
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [timeout])
            cursor.execute(statement, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            prepared_statements.discard_all()
            return None
        raise
    return rows


def _is_conflict(error: BaseException) -> bool:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return isinstance(cause, psycopg.Error) and cause.sqlstate in _CONFLICTS


def _is_lost() -> bool:
    return connection.connection is not None and connection.connection.closed


def _is_given_up(error: BaseException) -> bool:
    return isinstance(error, NoAnswer) or isinstance(error.__cause__, NoAnswer)


def _unavailable(error: Error | psycopg.Error) -> DatabaseUnavailable:
    logger.error("database unavailable: %s: %s", type(error).__name__, str(error).strip())
    if _is_lost():
        connection.close()
    if _is_given_up(error):
        with suppress(Error):
            cluster.find_silent_nodes()
    # Jitter: devices that failed together do not come back together.
    return DatabaseUnavailable(retry_after=random.randint(*RETRY_AFTER_SECONDS))  # noqa: S311
