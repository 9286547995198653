"""Queries to every node of a Citus cluster: the node that stores a file commits it.

Without Citus the database is the only node, and no query is sent.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from identities.cluster import is_cluster
from ingest.storage.limited_connection import LimitedConnection

# A node that does not answer must not hold up those that ask: others serve meanwhile. All nodes
# together, then one alone: /readyz gives up after four seconds.
TIMEOUT_MS = 2_000
REACH_TIMEOUT_MS = 1_000
# A node that timed out is not asked again for so long.
SILENCE_SECONDS = 60.0
# A statement of the device API: PostgreSQL ends it, else the client gives the connection up.
UPLOAD_TIMEOUT_MS = 3_500
UPLOAD_LIMIT_SECONDS = 4.0
_LIMIT_SESSION = """
SELECT set_config('statement_timeout', %s, false) FROM pg_settings
WHERE name = 'statement_timeout' AND setting::bigint NOT BETWEEN 1 AND %s
"""
_ASK = """
SELECT n.nodename || ':' || n.nodeport, a.success, a.result
FROM run_command_on_all_nodes(%s) a JOIN pg_dist_node n ON n.nodeid = a.nodeid ORDER BY 1
"""
# Whether a node can be reached at all is asked one by one, where all together did not answer.
_NODES = "SELECT nodename, nodeport FROM pg_dist_node WHERE isactive ORDER BY 1, 2"
_REACHES = "SELECT citus_check_connection_to_node(%s, %s)"
_NODE_OF_IDENTITY = """
SELECT n.nodename || ':' || n.nodeport FROM pg_dist_placement p
JOIN pg_dist_node n ON n.groupid = p.groupid
WHERE p.shardid = get_shard_id_for_distribution_column('ingest_measurement', %s::bigint)
"""


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """The first column of the first row that a node answered; ``text`` of None: no answer.

    An empty text is NULL, or a node that answers but was not asked because another is silent.
    """

    node: str
    text: str | None


@dataclass(slots=True)
class _Silence:
    """The answers to give until a time, while a node is silent."""

    until: float = float("-inf")
    answers: list[NodeAnswer] = field(default_factory=list)


_silence = _Silence()


def ask_all_nodes(statement: str) -> list[NodeAnswer]:
    """Return what each node answers to ``statement``, an empty list without Citus.

    ``statement`` gives one text. Not to be called in a transaction. Raises ``django.db.Error``
    if the coordinator itself fails.
    """
    if not is_cluster():
        return []
    if has_silent_node():
        return _silence.answers
    try:
        rows = _query(_ASK, [statement])
    except OperationalError:  # a frozen node
        return find_silent_nodes()
    return [NodeAnswer(node, (text or "") if success else None) for node, success, text in rows]


def has_silent_node() -> bool:
    """Return whether a node did not answer a moment ago; ask again after ``SILENCE_SECONDS``."""
    if _silence.answers and time.monotonic() >= _silence.until:
        find_silent_nodes()
    return bool(_silence.answers)


def find_silent_nodes() -> list[NodeAnswer]:
    """Ask each node alone whether it can be reached, and remember the answers if one is silent."""
    connection.ensure_connection()
    found = []
    for name, port in _query(_NODES, []):
        try:
            ((reaches,),) = _query(_REACHES, [name, port], REACH_TIMEOUT_MS)
        except DatabaseError:
            reaches = False
        found.append(NodeAnswer(f"{name}:{port}", "" if reaches else None))
    is_silent = any(answer.text is None for answer in found)
    _silence.answers = found if is_silent else []
    _silence.until = time.monotonic() + SILENCE_SECONDS
    return found


def is_silent_for(identity_id: int) -> bool:
    """Return whether the node that stores an identity did not answer a moment ago.

    Without it each upload to a frozen node would hold a process for ``UPLOAD_LIMIT_SECONDS``.
    """
    if not has_silent_node():
        return False
    silent = {answer.node for answer in _silence.answers if answer.text is None}
    return any(node in silent for (node,) in _query(_NODE_OF_IDENTITY, [identity_id]))


def limit_sessions() -> None:
    """Let no statement of this process wait long for a frozen node of a cluster.

    Nothing changes without Citus.
    """
    connection_created.connect(_limit_session)


def _limit_session(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    try:
        if is_cluster():
            with connection.cursor() as cursor:
                cursor.execute(_LIMIT_SESSION, [str(UPLOAD_TIMEOUT_MS), UPLOAD_TIMEOUT_MS])
            LimitedConnection.apply_to(connection.connection, UPLOAD_LIMIT_SECONDS)
    except DatabaseError:
        connection.close()  # not to be used without its limits
        raise


def _query(
    statement: str, parameters: Sequence[str | int], timeout_ms: int = TIMEOUT_MS
) -> list[tuple[Any, ...]]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {timeout_ms}")
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
