"""Counts the work of an upload: what it asks of PostgreSQL, what it receives, what it allocates."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection
from psycopg import pq

# Of the tables that hold files and samples; the upload's own rows are among them.
_READ = """
SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint,
       coalesce(sum(coalesce(idx_scan, 0)), 0)::bigint
FROM pg_stat_xact_user_tables WHERE relname LIKE 'ingest\\_%'
"""


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one upload."""

    statements: int
    received_bytes: int
    rows_read: int
    index_searches: int
    allocated_bytes: int


def measure_work(upload: Callable[[], object]) -> Work:
    """Return the work of ``upload``, which runs in the caller's transaction.

    Statements and received bytes are those of libpq's trace, so none can be missed; rows and
    searches are PostgreSQL's own counts; ``allocated_bytes`` is the peak of Python and numpy.
    """
    session: psycopg.Connection[Any] = connection.connection
    rows_before, searches_before = _read_counts(session)
    with tempfile.TemporaryFile() as file:
        session.pgconn.trace(file.fileno())
        session.pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        tracemalloc.start()
        try:
            upload()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            session.pgconn.untrace()
        file.seek(0)
        statements = received = 0
        for line in file:
            direction, length, kind, *_ = [*line.split(b"\t"), b"", b"", b""]
            statements += direction == b"F" and kind in (b"Execute", b"Query")
            if direction == b"B" and kind == b"DataRow":
                received += int(length)
    rows, searches = _read_counts(session)
    return Work(statements, received, rows - rows_before, searches - searches_before, peak)


def _read_counts(session: psycopg.Connection[Any]) -> tuple[int, int]:
    # Not prepared: psycopg would end all prepared statements with the test's transaction.
    row = session.execute(_READ, prepare=False).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
