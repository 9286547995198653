"""Keep the last accepted request of each certificate: program, address and clock of the device.

An upload by an unchanged device writes nothing for an hour, and each process writes at most
``MAX_PER_MINUTE`` rows a minute.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Final

import psycopg
from django.db import Error

from ingest.certificate_lookup import Binding
from ingest.device_requests import DeviceRequest
from ingest.storage import prepared_statements
from ingest.storage.prepared_statements import Statement
from ingest.write_limits import MinuteLimit

logger = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 60
UPLOAD_INTERVAL_SECONDS: Final = 3600
MAX_REMEMBERED: Final = 10_000
MAX_PER_MINUTE: Final = 600
# A smaller change of the clock's offset is the time that the request took.
MAX_JITTER_SECONDS: Final = 5

# Two processes may both find a minute over; the condition lets one of them write.
_RECORD = Statement(
    "record_contact",
    f"""
    INSERT INTO ingest_devicecontact AS k
        (certificate_id, at, address, user_agent, clock_offset_seconds)
    SELECT c.id, now(), nullif($2, '')::inet, $3, $4
    FROM ingest_devicecertificate c WHERE c.id = $1
    ON CONFLICT (certificate_id) DO UPDATE SET
        at = excluded.at, address = excluded.address, user_agent = excluded.user_agent,
        clock_offset_seconds = excluded.clock_offset_seconds
    WHERE k.at < now() - interval '{INTERVAL_SECONDS} seconds'
    RETURNING certificate_id
    """,  # noqa: S608 - a constant
    ("int8", "text", "text", "int8"),
)


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float  # monotonic
    request: DeviceRequest


@dataclass
class _Contacts:
    """The requests that this process has written."""

    kept: dict[int, _Kept] = field(default_factory=dict)
    limit: MinuteLimit = field(default_factory=lambda: MinuteLimit(MAX_PER_MINUTE))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_due(self, certificate_id: int, request: DeviceRequest, *, is_upload: bool) -> bool:
        """Return whether to write the request, and remember it if so."""
        now = time.monotonic()
        with self.lock:
            kept = self.kept.get(certificate_id)
            if kept is not None:
                interval = UPLOAD_INTERVAL_SECONDS if is_upload else INTERVAL_SECONDS
                interval = INTERVAL_SECONDS if _has_changed(request, kept.request) else interval
                if now - kept.at < interval:
                    return False
            if not self.limit.take_place():
                return False
            if len(self.kept) >= MAX_REMEMBERED:
                self.kept.clear()
            self.kept[certificate_id] = _Kept(now, request)
            return True


_contacts = _Contacts()


def record(binding: Binding, request: DeviceRequest, *, is_upload: bool) -> None:
    """Write the accepted request if it is due. A failure is logged and changes no answer."""
    if not _contacts.is_due(binding.certificate_id, request, is_upload=is_upload):
        return
    parameters = [
        prepared_statements.int8(binding.certificate_id),
        request.address.encode(),
        request.user_agent.encode(),
        prepared_statements.optional_int8(request.clock_offset_seconds),
    ]
    try:
        prepared_statements.execute(_RECORD, parameters)
    except (psycopg.Error, Error) as error:
        logger.warning(
            "the last request of %s is not recorded: %s", binding.sha256.hex(), type(error).__name__
        )


def _has_changed(new: DeviceRequest, old: DeviceRequest) -> bool:
    if (new.user_agent, new.address) != (old.user_agent, old.address):
        return True
    if new.clock_offset_seconds is None or old.clock_offset_seconds is None:
        return new.clock_offset_seconds != old.clock_offset_seconds
    return abs(new.clock_offset_seconds - old.clock_offset_seconds) > MAX_JITTER_SECONDS
