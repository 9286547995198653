"""Whether the database is a Citus cluster, and the turns that locks of identities take there.

Each node holds a copy of the identities. To lock one of them Citus first locks the whole table, in
two modes one after the other, of which the second conflicts with the first of another transaction.
Two that lock identities at the same moment would deadlock; otherwise one waits for the other's end.
"""

from __future__ import annotations

import functools

from django.db import connection

# Two integers: erasure waits for the holders of locks of one bigint, which are uploads.
LOCK_TURN = f"pg_advisory_xact_lock({0x6964656E}, {0x74697479})"


@functools.cache
def is_cluster() -> bool:
    """Return whether the database is the coordinator of a cluster.

    Asked once: services are stopped while a database is distributed.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_dist_node') IS NOT NULL")
        return bool(cursor.fetchone()[0])
