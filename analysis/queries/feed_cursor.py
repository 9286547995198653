"""Cursors of the changes feed: how far a reader has come, in the history of which database.

The feed is ordered by the transaction that made a change, and read up to a horizon: below it,
no transaction of this database runs any more. So a transaction that commits later is above every
cursor given before, however long it ran. A transaction gets its number after it has the lock of
its series, so the order within a series is that of the changes.

In a cluster the numbers are the coordinator's. A node may commit a moment after the coordinator, so
below the horizon the feed ends until all that ran on the nodes when it was found has ended there.

A transaction's number means something in one history of the database only. A restored backup is
another one: its system identifier (another cluster), its timeline (recovery to a point in time) or
the numbers of its database and table (a dump) differ. A copy of the data directory or a snapshot of
the disk keeps all these; there the entry itself at which the cursor stands is missing.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from typing import NamedTuple

from analysis.queries.read_database import connection
from identities.cluster import is_cluster
from ingest.storage import cluster

NODES_WAIT_SECONDS = 5.0
NODES_POLL_SECONDS = 0.05
_CURSOR = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{1,15})\.([01])\.([0-9a-f]{1,15})", re.ASCII)

# The oldest running transaction of this database: those of others do not hold the feed back. A
# prepared transaction has no process.
_OLDEST = """
coalesce((
    SELECT min(running::text::bigint) FROM pg_snapshot_xip(now.snapshot) AS running
    WHERE NOT EXISTS (
        SELECT 1 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
          AND l.transactionid = running::xid AND a.datid <> this.oid
    )
), pg_snapshot_xmax(now.snapshot)::text::bigint)
"""
_THIS = "this AS (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())"
# On a replica only the oldest running transaction is known.
_STATE = f"""
WITH now AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot, pg_is_in_recovery() AS replica),
{_THIS}
SELECT now.replica,
       pg_snapshot_xmax(now.snapshot)::text::bigint,
       CASE WHEN now.replica THEN pg_snapshot_xmin(now.snapshot)::text::bigint ELSE {_OLDEST} END,
       (SELECT system_identifier FROM pg_control_system()),
       CASE WHEN now.replica THEN (SELECT timeline_id::bigint FROM pg_control_checkpoint())
       ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint END,
       this.oid::bigint, 'ingest_measurement'::regclass::oid::bigint
FROM now, this
"""  # noqa: S608 - constants
_OLDEST_ON_NODE = f"""
WITH now AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot), {_THIS}
SELECT ({_OLDEST})::text FROM now, this
"""  # noqa: S608 - constants
# "SELECT FROM" a distributed table is a syntax error on the nodes.
_IS_FILE = """
SELECT EXISTS (SELECT 1 FROM ingest_measurement WHERE transaction = %s AND sequence = %s)
"""
_IS_ROW = "SELECT EXISTS (SELECT 1 FROM ingest_serieschange WHERE transaction = %s AND id = %s)"
_IS_ERASED_SINCE = """
SELECT EXISTS (SELECT 1 FROM ingest_serieschange WHERE transaction >= %s AND kind = 'erased')
"""


class NotACursor(ValueError):
    """The text is no cursor of the changes feed."""


class CursorExpired(Exception):
    """The database was restored since the cursor was given."""


class Position(NamedTuple):
    """An entry of the feed: a stored file (``source`` 0) or a row of maintenance (1).

    ``number`` is the file's sequence or the row's id.
    """

    transaction: int
    source: int
    number: int


START = Position(0, 0, 0)


@dataclass(frozen=True, slots=True)
class FeedState:
    """The history of the database, and the ``horizon``: the oldest transaction that may run.

    Transactions from ``next_transaction`` on had not begun.
    """

    history: str
    horizon: int
    next_transaction: int
    is_replica: bool


def read_state() -> FeedState:
    """Read the state; statements executed afterwards see all that is below the horizon."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        is_replica, next_transaction, horizon, *history = cursor.fetchone()
    digest = hashlib.sha256("/".join(map(str, history)).encode()).hexdigest()[:16]
    if is_cluster() and not is_replica and not _wait_for_nodes():
        horizon = 0
    return FeedState(digest, horizon, next_transaction, is_replica)


def _wait_for_nodes() -> bool:
    """Wait until what runs on the nodes of a cluster has ended; return False after five seconds."""
    running = cluster.ask_all_nodes("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    deadline = time.monotonic() + NODES_WAIT_SECONDS
    while all(each.text for each in running) and time.monotonic() < deadline:
        oldest = cluster.ask_all_nodes(_OLDEST_ON_NODE)
        reached = {each.node: int(each.text or 0) for each in oldest}
        if all(reached.get(each.node, 0) >= int(each.text or 0) for each in running):
            return True
        time.sleep(NODES_POLL_SECONDS)
    return False


def encode_cursor(state: FeedState, position: Position) -> str:
    return f"{state.history}.{position.transaction:x}.{position.source}.{position.number:x}"


def decode_cursor(text: str) -> tuple[str, Position]:
    """Return the history and the position of a cursor; raise ``NotACursor``."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise NotACursor(text)
    history, transaction, source, number = found.groups()
    return history, Position(int(transaction, 16), int(source), int(number, 16))


def find_position(text: str, state: FeedState) -> Position | None:
    """Return where the cursor ``text`` stands; None if the replica has not come so far yet.

    Raises ``NotACursor``, or ``CursorExpired`` after a restore.
    """
    history, position = decode_cursor(text)
    if history != state.history:
        raise CursorExpired
    if position == START:
        return position
    if position.transaction >= state.next_transaction:
        if state.is_replica:
            return None
        raise CursorExpired
    if not _exists(position):
        raise CursorExpired
    return position


def _exists(position: Position) -> bool:
    """Return whether the entry is there, or may have been erased since."""
    statement = _IS_ROW if position.source else _IS_FILE
    with connection.cursor() as cursor:
        cursor.execute(statement, [position.transaction, position.number])
        if cursor.fetchone()[0]:
            return True
        cursor.execute(_IS_ERASED_SINCE, [position.transaction])
        return bool(cursor.fetchone()[0])
