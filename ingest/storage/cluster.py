"""What is asked of every node of a Citus cluster, since the node that stores a file commits it.

Without Citus there is one node, the database, and nothing here asks anything.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, OperationalError, connection, transaction

# A node that does not answer must not hold up those that ask: others serve meanwhile.
TIMEOUT_MS = 3_000
_ASK = """
SELECT n.nodename || ':' || n.nodeport, a.success, a.result
FROM run_command_on_all_nodes(%s) a JOIN pg_dist_node n ON n.nodeid = a.nodeid ORDER BY 1
"""
# Whether a node can be reached at all is asked one by one, where all together did not answer.
_NODES = "SELECT nodename, nodeport FROM pg_dist_node WHERE isactive ORDER BY 1, 2"
_REACHES = "SELECT citus_check_connection_to_node(%s, %s)"


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """The first column of the first row that a node answered; ``text`` of None: no answer."""

    node: str
    text: str | None

    @property
    def is_answered(self) -> bool:
        return self.text is not None


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
    try:
        rows = _query(_ASK, [statement])
    except OperationalError:  # a frozen node
        connection.ensure_connection()
        return _find_silent_nodes()
    return [NodeAnswer(node, (text or "") if success else None) for node, success, text in rows]


def _find_silent_nodes() -> list[NodeAnswer]:
    found = []
    for name, port in _query(_NODES, []):
        try:
            ((reaches,),) = _query(_REACHES, [name, port])
        except DatabaseError:
            reaches = False
        found.append(NodeAnswer(f"{name}:{port}", "" if reaches else None))
    return found


def _query(statement: str, parameters: Sequence[str | int]) -> list[tuple[Any, ...]]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT_MS}")
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
