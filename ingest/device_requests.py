"""Read the address, user agent and clock offset of a device from the headers of its request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from identities import request_id
from ingest.escaping import escape

MAX_USER_AGENT_LENGTH: Final = 200
# A Date header further from the server's clock is ignored.
MAX_OFFSET_SECONDS: Final = 200 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """``clock_offset_seconds`` is the device's clock minus the server's, None without a Date."""

    address: str
    user_agent: str
    clock_offset_seconds: int | None
    request_id: str


def describe_request(meta: Mapping[str, Any]) -> DeviceRequest:
    """Return the description of the device in a request's ``META``; texts are escaped and cut."""
    return DeviceRequest(
        address=meta.get("HTTP_X_REAL_IP", ""),
        user_agent=escape(meta.get("HTTP_USER_AGENT", ""), MAX_USER_AGENT_LENGTH),
        clock_offset_seconds=_read_offset(meta.get("HTTP_DATE", "")),
        request_id=request_id.current(),
    )


def _read_offset(date: str) -> int | None:
    if not date:
        return None
    try:
        offset = round(parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return offset if abs(offset) <= MAX_OFFSET_SECONDS else None
