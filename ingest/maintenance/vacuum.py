"""Give the space of replaced blocks to those that come next, while compaction is still at work.

What a transaction deletes stays in the table until VACUUM has been there. Left to autovacuum, a
long run of compaction would write all blocks behind the old ones: the table would grow before it
shrinks, and stay that large. With VACUUM in between, compressed blocks take the place of plain
ones, and what is left at the table's end goes back to the file system.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import connection

# As stored by an upload: an offset and a value, beside the columns of the block itself.
BYTES_A_SAMPLE = 12
BYTES_A_BLOCK = 200
MIN_BYTES = 2 << 20
MIN_SHARE = 0.05

# One that is at work already, autovacuum's or another run's, does for this one too.
_VACUUM = "VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON) ingest_sampleblock"
_SIZE = "SELECT pg_total_relation_size('ingest_sampleblock')"


@dataclass(slots=True)
class FreedSpace:
    """Bytes that were freed since the last VACUUM, by estimate."""

    freed: int = 0
    worthwhile: int = field(default_factory=lambda: MIN_BYTES)

    def add(self, blocks: int, samples: int) -> None:
        """Count blocks that were replaced; VACUUM when that is a share of the table."""
        self.freed += blocks * BYTES_A_BLOCK + samples * BYTES_A_SAMPLE
        if self.freed >= self.worthwhile:
            self.vacuum()

    def vacuum(self) -> None:
        """Have PostgreSQL use the freed space again. Not to be called in a transaction.

        A role that does not own the table is refused with no more than a warning. Raises
        ``django.db.Error``.
        """
        if not self.freed:
            return
        self.freed = 0
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            try:
                cursor.execute(_VACUUM)
                cursor.execute(_SIZE)
                (size,) = cursor.fetchone() or (0,)
            finally:
                cursor.execute("RESET statement_timeout")
        self.worthwhile = max(MIN_BYTES, int(size * MIN_SHARE))
