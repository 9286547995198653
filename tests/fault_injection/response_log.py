"""Responses of the device API, checked against the documented form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

PROBLEM = "application/problem+json"
PREFIX = "urn:device-endpoint:"
STORED = ("stored", "duplicate")
RETRYABLE_STATUSES = (403, 408, 429, 503)
# What an upload is answered in which a worker was killed before: to wait, and send the same again.
UPLOAD_INTERRUPTED = "A process of the server ended while it read this upload."


@dataclass(frozen=True)
class Response:
    """A response as a device reads it; ``defect`` describes what violates the documented form."""

    status: int
    code: str = ""
    retryable: bool = False
    retry_after: int | None = None
    receipts: list[dict[str, Any]] = field(default_factory=list)
    defect: str = ""


def parse_response(status: int, headers: dict[str, str], body: bytes) -> Response:
    """Parse a response; header names are in lower case."""
    media_type = headers.get("content-type", "").partition(";")[0]
    try:
        document = json.loads(body)
    except ValueError:
        return Response(status, defect=f"{status} is not JSON: {body[:80]!r}")
    if status == 200:
        if media_type != "application/json":
            return Response(status, defect=f"200 as {media_type}")
        return Response(status, receipts=document.get("files", []))
    retry_after = headers.get("retry-after")
    return Response(
        status,
        code=str(document.get("type", "")).removeprefix(PREFIX),
        retryable=document.get("retryable") is True,
        retry_after=int(retry_after) if retry_after else None,
        receipts=document.get("files", []),
        defect=_find_defects(status, media_type, document, retry_after),
    )


def _find_defects(
    status: int, media_type: str, document: dict[str, Any], retry_after: str | None
) -> str:
    code = str(document.get("type", ""))
    defects = {
        "500 was answered": status == 500,
        f"media type {media_type}": media_type != PROBLEM,
        f"type {code!r}": not code.startswith(PREFIX),
        "members are missing": not {"title", "detail", "request_id"} <= document.keys(),
        f"status {document.get('status')}": document.get("status") != status,
        f"retryable {document.get('retryable')}": document.get("retryable")
        is not (status in RETRYABLE_STATUSES),
        "no Retry-After": status in (429, 503) and retry_after is None,
        "an internal error (log/device.log)": code == PREFIX + "internal_error"
        and not str(document.get("detail")).startswith(UPLOAD_INTERRUPTED),
    }
    present = ", ".join(defect for defect, is_present in defects.items() if is_present)
    return f"{status} {code}: {present}" if present else ""
