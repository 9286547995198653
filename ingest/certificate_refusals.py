"""Keep the last refused request of each bound certificate, for staff who ask why a device fails."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

import psycopg
from django.db import Error

from ingest.escaping import escape
from ingest.storage import prepared_statements
from ingest.storage.prepared_statements import Statement

logger = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 60
MAX_REMEMBERED: Final = 10_000
MAX_DETAIL_LENGTH, MAX_USER_AGENT_LENGTH = 500, 200

# Two processes may both find a minute over; the condition lets one of them write.
_RECORD = Statement(
    "record_refusal",
    f"""
    INSERT INTO ingest_certificaterefusal AS r
        (certificate_id, at, code, status, detail, address, user_agent, request_id)
    SELECT c.id, now(), $2, $3, $4, nullif($5, '')::inet, $6, $7
    FROM ingest_devicecertificate c WHERE c.sha256 = $1
    ON CONFLICT (certificate_id) DO UPDATE SET
        at = excluded.at, code = excluded.code, status = excluded.status,
        detail = excluded.detail, address = excluded.address,
        user_agent = excluded.user_agent, request_id = excluded.request_id
    WHERE r.at < now() - interval '{INTERVAL_SECONDS} seconds'
    RETURNING certificate_id
    """,  # noqa: S608 - a constant
    ("bytea", "text", "int4", "text", "text", "text", "text"),
)

_recorded: dict[bytes, float] = {}  # fingerprint, monotonic time of the last statement
_lock = threading.Lock()


def record(
    sha256: bytes,
    code: str,
    *,
    status: int,
    detail: str,
    address: str,
    user_agent: str,
    request_id: str,
) -> None:
    """Write the refusal unless one of this certificate was written within the last minute.

    A certificate that is not bound has no row. A failure is logged and changes no answer.
    """
    if not _is_due(sha256):
        return
    texts = (
        code,
        escape(detail, MAX_DETAIL_LENGTH),
        address,
        escape(user_agent, MAX_USER_AGENT_LENGTH),
        request_id,
    )
    code_text, detail_text, *rest = (text.encode() for text in texts)
    parameters = [sha256, code_text, prepared_statements.int4(status), detail_text, *rest]
    try:
        prepared_statements.execute(_RECORD, parameters)
    except (psycopg.Error, Error) as error:
        logger.warning("the last refusal of %s is not recorded: %s", sha256.hex(), error)


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
