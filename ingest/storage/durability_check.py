"""Whether a commit survives a crash of the machine: PostgreSQL's own settings, asked of it.

"Acknowledged means durable" holds only on a PostgreSQL that flushes before it answers, so the
door takes nothing where one of these is off (``DURABILITY_CHECK=warn`` for managed engines that
report them differently).
"""

from __future__ import annotations

import logging
import time
import weakref

import psycopg
from django.conf import settings
from django.db import connection

from ingest.errors import DatabaseUnavailable

logger = logging.getLogger(__name__)

_MUST_BE_ON = ("fsync", "full_page_writes")
# "local" flushes here and waits for no standby; the others wait for one too.
_DURABLE_COMMITS = ("on", "local", "remote_write", "remote_apply")
ASK_AGAIN_AFTER_SECONDS = 10.0
RETRY_AFTER_SECONDS = 60

_asked: weakref.WeakKeyDictionary[psycopg.Connection[object], float] = weakref.WeakKeyDictionary()


def switched_off() -> list[str]:
    """Return the names of the settings that are off in this session of the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings"
            " WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
        )
        found = dict(cursor.fetchall())
    off = [name for name in _MUST_BE_ON if found.get(name) != "on"]
    if found.get("synchronous_commit") not in _DURABLE_COMMITS:
        off.append("synchronous_commit")
    return off


def ensure_durable() -> None:
    """Raise ``DatabaseUnavailable`` unless a commit is durable; asks every ten seconds at most."""
    connection.ensure_connection()
    session: psycopg.Connection[object] = connection.connection
    now = time.monotonic()
    if now - _asked.get(session, -ASK_AGAIN_AFTER_SECONDS) < ASK_AGAIN_AFTER_SECONDS:
        return
    off = switched_off()
    if off:
        logger.error("not durable: switched off in PostgreSQL: %s", ", ".join(off))
        if settings.DURABILITY_CHECK == "refuse":
            raise DatabaseUnavailable(
                "The database is set up so that it could lose data: nothing is taken.",
                retry_after=RETRY_AFTER_SECONDS,
            )
    _asked[session] = now
