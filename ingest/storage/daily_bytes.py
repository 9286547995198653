"""The quota of bytes a day of an identity, where there is one (``IDENTITY_DAILY_QUOTA_BYTES``).

What counts is bytes of files that are kept for the first time: a repeat costs nothing, so that a
device which lost its answer gets it however full the day is. The day is UTC's. The count is
raised by one conditional statement in the transaction that stores the files, as its last: uploads
of one identity that run at once can never keep more than the quota together.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

from ingest.errors import BytesOfDayUsedUp, RequestTooLarge
from ingest.storage.prepared_files import PreparedFile

JITTER_SECONDS = 300  # so that the devices of an identity do not all come back at midnight

# "today" is asked of the clock, not of the transaction: a wait for the row may pass midnight.
_TODAY = "(clock_timestamp() AT TIME ZONE 'UTC')::date"
_USED = """
SELECT d.bytes FROM ingest_dailyusage d WHERE d.identity_id = %s AND d.day = {today}
""".replace("{today}", _TODAY)
_CHARGE = """
INSERT INTO ingest_dailyusage AS d (identity_id, day, bytes)
VALUES (%(identity)s, {today}, %(bytes)s)
ON CONFLICT (identity_id) DO UPDATE SET
    day = {today},
    bytes = CASE d.day WHEN {today} THEN d.bytes ELSE 0 END + excluded.bytes,
    refused = CASE d.day WHEN {today} THEN d.refused ELSE 0 END
WHERE CASE d.day WHEN {today} THEN d.bytes ELSE 0 END + excluded.bytes <= %(limit)s
""".replace("{today}", _TODAY)
_KNOWN = """
SELECT count(*) FROM ingest_measurement m
WHERE m.identity_id = %s AND m.name = %s AND m.sha256 = %s
"""
_RECORD = """
UPDATE ingest_dailyusage SET refused = refused + 1, refused_at = now() WHERE identity_id = %s
"""


def are_limited() -> bool:
    """Tell whether there is a quota at all."""
    return settings.IDENTITY_DAILY_QUOTA_BYTES > 0


def require_room(identity_id: int, files: Sequence[PreparedFile]) -> None:
    """Refuse files that cannot be charged, before they are written: see ``charge``.

    Raises ``RequestTooLarge`` for what no day has room for.
    """
    limit = settings.IDENTITY_DAILY_QUOTA_BYTES
    with connection.cursor() as cursor:
        cursor.execute(_USED, [identity_id])
        row = cursor.fetchone()
        used = row[0] if row else 0
        sizes = {(file.name, file.sha256): file.size for file in files}
        if used + sum(sizes.values()) <= limit:
            return
        new = sum(size for file, size in sizes.items() if not _is_known(cursor, identity_id, *file))
    if new > limit:
        raise RequestTooLarge(f"More than the {limit} bytes that may be sent a day.")
    if new and used + new > limit:
        raise refusal()


def _is_known(cursor: CursorWrapper, identity_id: int, name: str, sha256: bytes) -> bool:
    cursor.execute(_KNOWN, [identity_id, name, sha256])
    return bool(cursor.fetchone()[0])


def charge(identity_id: int, sizes: Iterable[int]) -> None:
    """Add the sizes of files that this transaction keeps; raise ``BytesOfDayUsedUp`` if over.

    To be the transaction's last statement: it locks the identity's count until the commit.
    """
    parameters = {
        "identity": identity_id,
        "bytes": sum(sizes),
        "limit": settings.IDENTITY_DAILY_QUOTA_BYTES,
    }
    if parameters["bytes"]:
        with connection.cursor() as cursor:
            cursor.execute(_CHARGE, parameters)
            if cursor.rowcount == 0:
                raise refusal()


def record_refusal(identity_id: int) -> None:
    """Count a request that was refused, for staff to see."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [identity_id])


def refusal() -> BytesOfDayUsedUp:
    """Return the refusal of what there may be room for tomorrow (UTC)."""
    now = datetime.now(UTC)
    left = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
    return BytesOfDayUsedUp(retry_after=left + random.randint(0, JITTER_SECONDS))  # noqa: S311
