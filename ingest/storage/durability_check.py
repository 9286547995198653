"""Check by PostgreSQL's settings that a commit survives a crash of the machine.

"Acknowledged means durable" holds only on a PostgreSQL that flushes before it answers, so the
device API stores nothing while one of these settings is off (``DURABILITY_CHECK=warn`` is for
managed engines that report them differently). In a cluster the commit that counts is that of the
node that stores the file, so every node is asked.
"""

from __future__ import annotations

import logging
import time
import weakref

import psycopg
from django.conf import settings
from django.db import connection

from ingest.storage import cluster, prepared_statements
from ingest.storage.transactions import DatabaseUnavailable

logger = logging.getLogger(__name__)

_MUST_BE_ON = ("fsync", "full_page_writes")
# "local" flushes here and waits for no standby; the others wait for one too.
_DURABLE_COMMITS = ("on", "local", "remote_write", "remote_apply")
CHECK_INTERVAL_SECONDS = 10.0
RETRY_AFTER_SECONDS = 60

_checked_at: weakref.WeakKeyDictionary[psycopg.Connection[object], float] = (
    weakref.WeakKeyDictionary()
)


# One text for each node of a cluster.
_UNSAFE_ON_NODE = """
SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes') AND setting <> 'on'
   OR name = 'synchronous_commit'
      AND setting NOT IN ('on', 'local', 'remote_write', 'remote_apply')
"""


def find_unsafe_settings() -> list[str]:
    """Return the settings that make commits unsafe, in a cluster those of each node.

    A node that does not answer stores nothing, and is not counted. Not to be called in a
    transaction.
    """
    nodes = cluster.ask_all_nodes(_UNSAFE_ON_NODE)
    return [
        *_find_unsafe_settings_here(),
        *(f"{answer.text} on {answer.node}" for answer in nodes if answer.text),
    ]


def _find_unsafe_settings_here() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings"
            " WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
        )
        values = dict(cursor.fetchall())
    off = [name for name in _MUST_BE_ON if values.get(name) != "on"]
    if values.get("synchronous_commit") not in _DURABLE_COMMITS:
        off.append("synchronous_commit")
    return off


def ensure_durable() -> None:
    """Raise ``DatabaseUnavailable`` unless commits are durable; check every ten seconds at most."""
    session = prepared_statements.open_session()
    now = time.monotonic()
    if now - _checked_at.get(session, -CHECK_INTERVAL_SECONDS) < CHECK_INTERVAL_SECONDS:
        return
    off = find_unsafe_settings()
    if off:
        logger.error("commits are not durable: off in PostgreSQL: %s", ", ".join(off))
        if settings.DURABILITY_CHECK == "refuse":
            raise DatabaseUnavailable(
                "The database's settings could lose data: nothing is stored.",
                retry_after=RETRY_AFTER_SECONDS,
            )
    _checked_at[session] = now


def ensure_node_answers(identity_id: int) -> None:
    """Raise ``DatabaseUnavailable`` if the cluster's node that stores the identity is silent."""
    if cluster.is_silent_for(identity_id):
        raise _a_node_is_silent()


def ensure_all_nodes_answer() -> None:
    """Raise ``DatabaseUnavailable`` if a node of the cluster is silent.

    For what writes identities or certificates, which every node holds.
    """
    if cluster.has_silent_node():
        raise _a_node_is_silent()


def _a_node_is_silent() -> DatabaseUnavailable:
    return DatabaseUnavailable(
        "A part of the database does not answer: nothing is stored.",
        retry_after=RETRY_AFTER_SECONDS,
    )
