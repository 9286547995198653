"""What the door may answer, and whether an answer is of that form. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

PROBLEM = "application/problem+json"
PREFIX = "urn:device-endpoint:"
STORED = ("stored", "duplicate")
RETRYABLE_STATUSES = (403, 408, 429, 503)


@dataclass(frozen=True)
class Answer:
    """An answer as a device reads it; ``fault`` says what is wrong with its form, if anything."""

    status: int
    code: str = ""
    retryable: bool = False
    retry_after: int | None = None
    receipts: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""


def understand(status: int, headers: dict[str, str], body: bytes) -> Answer:
    """Return an answer from its parts; header names in lower case."""
    media_type = headers.get("content-type", "").partition(";")[0]
    try:
        found = json.loads(body)
    except ValueError:
        return Answer(status, fault=f"{status} is not JSON: {body[:80]!r}")
    if status == 200:
        if media_type != "application/json":
            return Answer(status, fault=f"200 as {media_type}")
        return Answer(status, receipts=found.get("files", []))
    retry_after = headers.get("retry-after")
    return Answer(
        status,
        code=str(found.get("type", "")).removeprefix(PREFIX),
        retryable=found.get("retryable") is True,
        retry_after=int(retry_after) if retry_after else None,
        receipts=found.get("files", []),
        fault=_problem_fault(status, media_type, found, retry_after),
    )


def _problem_fault(
    status: int, media_type: str, found: dict[str, Any], retry_after: str | None
) -> str:
    code = str(found.get("type", ""))
    wrong = {
        "500 was answered": status == 500,
        f"media type {media_type}": media_type != PROBLEM,
        f"type {code!r}": not code.startswith(PREFIX),
        "members are missing": not {"title", "detail", "request_id"} <= found.keys(),
        f"status {found.get('status')}": found.get("status") != status,
        f"retryable {found.get('retryable')}": found.get("retryable")
        is not (status in RETRYABLE_STATUSES),
        "no Retry-After": status in (429, 503) and retry_after is None,
        "a fault of ours (log/device.log)": code == PREFIX + "internal_error",
    }
    said = ", ".join(what for what, is_so in wrong.items() if is_so)
    return f"{status} {code}: {said}" if said else ""
