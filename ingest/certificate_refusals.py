"""Keep the last refused request of each certificate, for staff who ask why a device fails.

The refusal of a registered certificate is kept as long as the certificate. Those of others are in a
table with a maximum number of rows, from which the oldest are deleted.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

import psycopg
from django.db import Error, connection

from ingest.device_requests import DeviceRequest
from ingest.escaping import escape
from ingest.storage import prepared_statements
from ingest.storage.prepared_statements import Statement
from ingest.stranger_attempts import StrangerRows

logger = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 60
MAX_REMEMBERED: Final = 10_000
MAX_DETAIL_LENGTH: Final = 500
MAX_STRANGERS: Final = 10_000
MAX_STRANGERS_PER_MINUTE: Final = 120
EVICT_STRANGERS_EVERY: Final = 500

_COLUMNS = "at, code, status, detail, address, user_agent, clock_offset_seconds, request_id"
_VALUES = "now(), $2, $3, $4, nullif($5, '')::inet, $6, $7, $8"
_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", "))
_TYPES = ("bytea", "text", "int4", "text", "text", "text", "int8", "text")
# Two processes may both find a minute over; the condition lets one of them write.
_RECORD = Statement(
    "record_refusal",
    f"""
    INSERT INTO ingest_certificaterefusal AS r (certificate_id, {_COLUMNS})
    SELECT c.id, {_VALUES} FROM ingest_devicecertificate c WHERE c.sha256 = $1
    ON CONFLICT (certificate_id) DO UPDATE SET {_UPDATES}
    WHERE r.at < now() - interval '{INTERVAL_SECONDS} seconds'
    RETURNING certificate_id
    """,  # noqa: S608 - constants
    _TYPES,
)
_RECORD_STRANGER = Statement(
    "record_stranger",
    f"""
    INSERT INTO ingest_strangerrefusal AS r (sha256, first_at, count, {_COLUMNS})
    SELECT $1, now(), 1, {_VALUES}
    WHERE NOT EXISTS (SELECT 1 FROM ingest_devicecertificate c WHERE c.sha256 = $1)
    ON CONFLICT (sha256) DO UPDATE SET {_UPDATES}, count = r.count + 1
    RETURNING id
    """,  # noqa: S608 - constants
    _TYPES,
)
_EVICT_STRANGERS = """
DELETE FROM ingest_strangerrefusal WHERE at <= (
    SELECT at FROM ingest_strangerrefusal ORDER BY at DESC OFFSET %s LIMIT 1
)
"""

_recorded: dict[bytes, float] = {}  # fingerprint, monotonic time of the last statement
_lock = threading.Lock()
_strangers = StrangerRows(
    max_per_minute=MAX_STRANGERS_PER_MINUTE, evict_every=EVICT_STRANGERS_EVERY
)


def record(sha256: bytes, code: str, status: int, detail: str, request: DeviceRequest) -> None:
    """Write the refusal unless one of this certificate was written within the last minute.

    A failure is logged and changes no answer.
    """
    if not _is_due(sha256):
        return
    parameters = [
        sha256,
        code.encode(),
        prepared_statements.int4(status),
        escape(detail, MAX_DETAIL_LENGTH).encode(),
        request.address.encode(),
        request.user_agent.encode(),
        prepared_statements.optional_int8(request.clock_offset_seconds),
        request.request_id.encode(),
    ]
    try:
        if prepared_statements.execute(_RECORD, parameters) is None:
            _record_stranger(parameters)
    except (psycopg.Error, Error) as error:
        logger.warning("the last refusal of %s is not recorded: %s", sha256.hex(), error)


def _record_stranger(parameters: list[bytes | None]) -> None:
    """Write the refusal of a certificate that is not registered, and evict the oldest ones."""
    if not _strangers.take_place():
        return
    prepared_statements.execute(_RECORD_STRANGER, parameters)
    if _strangers.is_eviction_due():
        with connection.cursor() as cursor:
            cursor.execute(_EVICT_STRANGERS, [MAX_STRANGERS])


def _is_due(sha256: bytes) -> bool:
    """Return whether a minute has passed in this process, and begin another."""
    now = time.monotonic()
    with _lock:
        last = _recorded.get(sha256)
        if last is not None and now - last < INTERVAL_SECONDS:
            return False
        if len(_recorded) >= MAX_REMEMBERED:
            _recorded.clear()
        _recorded[sha256] = now
        return True
