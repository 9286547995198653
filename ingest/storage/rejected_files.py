"""Keep the rejected files of an identity within bounds: the oldest give way to the newest.

Called after a file has been rejected, never for one that is stored. What gives way is gone with
its receipt: the same bytes sent again are read again.
"""

from __future__ import annotations

from django.conf import settings
from django.db import connection

# The partial index of rejected files finds them, newest first; the length of a content that is
# stored out of line is known without fetching it. The newest stays however large it is.
_GIVE_WAY = """
DELETE FROM ingest_measurement
WHERE identity_id = %(identity_id)s AND status = 'rejected' AND id IN (
    SELECT ranked.id FROM (
        SELECT m.id, row_number() OVER newest_first AS place,
               sum(octet_length(m.content)) OVER newest_first AS bytes
        FROM ingest_measurement m
        WHERE m.identity_id = %(identity_id)s AND m.status = 'rejected'
        WINDOW newest_first AS (ORDER BY m.id DESC ROWS UNBOUNDED PRECEDING)
    ) ranked
    WHERE ranked.place > %(files)s OR (ranked.place > 1 AND ranked.bytes > %(bytes)s)
)
"""


def make_room(identity_id: int) -> int:
    """Delete the oldest rejected files beyond the bounds of settings; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE_WAY,
            {
                "identity_id": identity_id,
                "files": settings.MAX_REJECTED_FILES_PER_IDENTITY,
                "bytes": settings.MAX_REJECTED_BYTES_PER_IDENTITY,
            },
        )
        return int(cursor.rowcount)
