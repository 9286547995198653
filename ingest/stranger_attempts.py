"""Bounds on the rows of strangers: registration attempts whose key belongs to no identity.

Limits by certificate and by address do not bound them: certificates cost nothing, and whoever has
an IPv6 prefix has many /64s. Attempts that concern an identity are never evicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection

from ingest.write_limits import MinuteLimit

MAX_ROWS: Final = 100_000
# For each process; attempts beyond it share one row a minute, with their number.
MAX_ROWS_PER_MINUTE: Final = 600
# The table exceeds MAX_ROWS by this number of rows for each process at most.
EVICT_EVERY: Final = 1_000

_EVICT = """
DELETE FROM ingest_registrationattempt WHERE identity_id IS NULL AND id <= (
    SELECT id FROM ingest_registrationattempt WHERE identity_id IS NULL
    ORDER BY id DESC OFFSET %s LIMIT 1
)
"""


@dataclass
class StrangerRows(MinuteLimit):
    """The rows of strangers that this process has written to a table."""

    max_per_minute: int = MAX_ROWS_PER_MINUTE
    evict_every: int = EVICT_EVERY
    since_eviction: int = MAX_ROWS  # a new process evicts with its first row

    def take_place(self) -> bool:
        """Return whether another row may be written in this minute, and count it."""
        is_taken = super().take_place()
        with self.lock:
            self.since_eviction += is_taken
        return is_taken

    def is_eviction_due(self) -> bool:
        """Return whether to delete the oldest rows: once in ``evict_every`` rows."""
        with self.lock:
            if self.since_eviction < self.evict_every:
                return False
            self.since_eviction = 0
            return True


def evict_when_due() -> None:
    """Delete the oldest attempts of strangers beyond ``MAX_ROWS``."""
    if rows.is_eviction_due():
        with connection.cursor() as cursor:
            cursor.execute(_EVICT, [MAX_ROWS])


rows = StrangerRows()
