"""Queries to every node of a Citus cluster: the node that stores a file commits it.

Without Citus the database is the only node, and no query is sent.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, OperationalError, connection, transaction

# A node that does not answer must not hold up those that ask: others serve meanwhile. All nodes
# together, then one alone: /readyz gives up after four seconds.
TIMEOUT_MS = 2_000
REACH_TIMEOUT_MS = 1_000
# A node that timed out is not asked again for so long.
SILENCE_SECONDS = 60.0
# What an upload may wait for a frozen node.
UPLOAD_TIMEOUT_MS = 5_000
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


@functools.cache
def is_cluster() -> bool:
    """Return whether the database is the coordinator of a cluster.

    Asked once: services are stopped while a database is distributed.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_dist_node') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def ask_all_nodes(statement: str) -> list[NodeAnswer]:
    """Return what each node answers to ``statement``, an empty list without Citus.

    ``statement`` gives one text. Not to be called in a transaction. Raises ``django.db.Error``
    if the coordinator itself fails.
    """
    if not is_cluster():
        return []
    if time.monotonic() < _silence.until:
        return _silence.answers
    try:
        rows = _query(_ASK, [statement])
    except OperationalError:  # a frozen node
        connection.ensure_connection()
        _silence.answers = _find_silent_nodes()
        _silence.until = time.monotonic() + SILENCE_SECONDS
        return _silence.answers
    return [NodeAnswer(node, (text or "") if success else None) for node, success, text in rows]


def is_silent_for(identity_id: int) -> bool:
    """Return whether the node that stores an identity did not answer a moment ago.

    Without it each upload to a frozen node would hold a process for ``UPLOAD_TIMEOUT_MS``.
    """
    if time.monotonic() >= _silence.until:
        return False
    silent = {answer.node for answer in _silence.answers if answer.text is None}
    return any(node in silent for (node,) in _query(_NODE_OF_IDENTITY, [identity_id]))


def limit_session() -> None:
    """Let no statement of this session wait long for a frozen node of a cluster."""
    if is_cluster():
        with connection.cursor() as cursor:
            cursor.execute(_LIMIT_SESSION, [str(UPLOAD_TIMEOUT_MS), UPLOAD_TIMEOUT_MS])


def _find_silent_nodes() -> list[NodeAnswer]:
    found = []
    for name, port in _query(_NODES, []):
        try:
            ((reaches,),) = _query(_REACHES, [name, port], REACH_TIMEOUT_MS)
        except DatabaseError:
            reaches = False
        found.append(NodeAnswer(f"{name}:{port}", "" if reaches else None))
    return found


def _query(
    statement: str, parameters: Sequence[str | int], timeout_ms: int = TIMEOUT_MS
) -> list[tuple[Any, ...]]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {timeout_ms}")
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
