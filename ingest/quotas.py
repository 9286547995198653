"""Quotas of an identity: certificates (``MAX_CERTIFICATES_PER_IDENTITY``) and bytes a day.

Certificates count while they are neither revoked nor expired nor superseded; suspended ones
count, since staff may reactivate them.

Bytes (``IDENTITY_DAILY_QUOTA_BYTES``) count when a file is stored for the first time. A repeated
file costs nothing, so a device that lost its answer gets it however full the day is. The day is
in UTC. One conditional statement, the last of the transaction that stores the files, adds to the
count: uploads of one identity that run at once can never store more than the quota together.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from identities.models import PreSharedKey
from ingest import certificate_renewal
from ingest.models import DeviceCertificate
from ingest.storage import advisory_locks
from ingest.storage.prepared_files import PreparedFile

JITTER_SECONDS = 300  # so that the devices of an identity do not all come back at midnight

# "today" comes from the clock, not from the transaction: a wait for the row may pass midnight.
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


class DailyQuotaExhausted(Exception):
    """The identity has sent its bytes of the day; ``retry_after`` seconds lead into the next."""

    outcome = "daily_quota_exhausted"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "This identity has sent its bytes of today (UTC). Keep the data for tomorrow."
        )
        self.retry_after = retry_after


class LargerThanDailyQuota(Exception):
    """A request whose new files exceed the quota of a whole day."""


# --- Certificates --------------------------------------------------------------------------
def can_bind_certificate(key: PreSharedKey) -> bool:
    """Return whether the identity of ``key`` may have one more certificate, or one renewed.

    The caller's transaction binds the certificate. Until its end no other transaction binds one
    to this identity, so that devices which register at once do not exceed the quota together.
    Without a quota no statement is run.
    """
    quota = settings.MAX_CERTIFICATES_PER_IDENTITY
    if not quota:
        return True
    advisory_locks.acquire("certificates of an identity", str(key.identity_id).encode())
    counted = DeviceCertificate.objects.filter(
        identity_id=key.identity_id, retires_at=None, not_after__gt=timezone.now()
    ).exclude(state=DeviceCertificate.State.REVOKED)
    superseded = certificate_renewal.find_renewed(key)
    if superseded is not None:
        # Binding with the key retires the one and revokes its successors without a request.
        counted = counted.exclude(pk=superseded.pk)
        counted = counted.exclude(replaces=superseded, first_seen_at=None)
    return counted.count() < quota


# --- Bytes a day ---------------------------------------------------------------------------
def has_daily_quota() -> bool:
    return settings.IDENTITY_DAILY_QUOTA_BYTES > 0


def ensure_chargeable(identity_id: int, files: Sequence[PreparedFile]) -> None:
    """Refuse files that ``charge`` would refuse, before they are written.

    Raises ``DailyQuotaExhausted``, or ``LargerThanDailyQuota`` if they exceed the quota of a day.
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
        raise LargerThanDailyQuota(f"More than the {limit} bytes that may be sent a day.")
    if new and used + new > limit:
        raise DailyQuotaExhausted(_seconds_until_tomorrow())


def _is_known(cursor: CursorWrapper, identity_id: int, name: str, sha256: bytes) -> bool:
    cursor.execute(_KNOWN, [identity_id, name, sha256])
    return bool(cursor.fetchone()[0])


def charge(identity_id: int, sizes: Iterable[int]) -> None:
    """Add the sizes of files that this transaction stores; raise ``DailyQuotaExhausted`` if over.

    Must be the transaction's last statement: it locks the identity's count until the commit.
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
                raise DailyQuotaExhausted(_seconds_until_tomorrow())


def record_refusal(identity_id: int) -> None:
    """Count a refused request, for staff to see."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [identity_id])


def _seconds_until_tomorrow() -> int:
    now = datetime.now(UTC)
    left = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
    return left + random.randint(0, JITTER_SECONDS)  # noqa: S311
