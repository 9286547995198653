"""Format a notification: as signed JSON for a webhook and as the text of an e-mail.

Pure functions. docs/how-to/monitor.md describes the JSON.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

MAX_LINES = 50
MIN_KEY_BYTES = 24

# Subject and heading of an e-mail for each event of the webhook.
_WORDS = {
    "late": ("overdue", "Overdue: no new samples"),
    "expiring": ("expiring", "Certificates that expire soon, not replaced"),
    "damaged": ("damaged", "Stored files that are damaged"),
    "crashed": ("ended a process", "Uploads that ended a process of the server"),
    "recovered": ("recovered", "Up to date again"),
    "unwatched": ("no longer monitored", "No longer monitored"),
}


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """An event to report. ``series`` is empty for an identity as a whole; times have a zone.

    ``event`` is one of the webhook's words: late, expiring, damaged, crashed, recovered, unwatched.
    """

    event: str
    identity: str
    series: str
    at: datetime
    newest_ms: int | None = None
    sha256: str = ""
    not_after: datetime | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The URL of the installation, and the name of the study that is reported on, if it is one."""

    installation: str
    study: str = ""


def as_json(key: str, at: datetime, place: Place, events: Sequence[IncidentEvent]) -> bytes:
    installation = place.installation
    counts = Counter(each.event for each in events)
    document = {
        "type": "device_endpoint.notice",
        "id": key,
        "at_ms": _milliseconds(at),
        "installation": installation,
        **({"study": place.study} if place.study else {}),
        "counts": {word: counts[word] for word in _WORDS},
        "events": [_event_as_json(installation, event) for event in events],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def as_subject(name: str, events: Sequence[IncidentEvent]) -> str:
    """Return the subject of an e-mail: how many events of each kind."""
    counts = Counter(each.event for each in events)
    parts = [f"{counts[word]} {label}" for word, (label, _) in _WORDS.items() if counts[word]]
    return f"[{name}] {', '.join(parts)}"


def as_text(installation: str, events: Sequence[IncidentEvent]) -> str:
    """Return the text of an e-mail: a paragraph for each kind of event, long ones shortened."""
    paragraphs = []
    for word, (_, heading) in _WORDS.items():
        lines = [_line(each) for each in events if each.event == word]
        if lines:
            more = [f"  and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
            paragraphs.append("\n".join([f"{heading}:", *lines[:MAX_LINES], *more]))
    paragraphs.append(f"Overview: {installation}/admin/analysis/overview/")
    return "\n\n".join(paragraphs) + "\n"


def signature(secret: str, key: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that the Standard Webhooks specification defines for ``body``."""
    stamp = str(int(sent_at.timestamp()))
    signed = b".".join([key.encode(), stamp.encode(), body])
    digest = hmac.new(decode_secret(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": key,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def decode_secret(secret: str) -> bytes:
    """Return the key that ``secret`` (base64, with ``whsec_`` before it or not) stands for.

    Raises ``ValueError`` if it is no base64 or shorter than ``MIN_KEY_BYTES``.
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if len(key) < MIN_KEY_BYTES:
        raise ValueError("too short")
    return key


def _event_as_json(installation: str, event: IncidentEvent) -> dict[str, object]:
    certificate = None
    if event.not_after is not None:
        certificate = {"sha256": event.sha256, "not_after": _iso(event.not_after)}
    return {
        "event": event.event,
        "identity": event.identity,
        "series": event.series or None,
        "at_ms": _milliseconds(event.at),
        "newest_ms": event.newest_ms,
        "certificate": certificate,
        "file": event.file or None,
        "url": f"{installation}/admin/analysis/overview/{quote(event.identity, safe='')}/",
    }


def _line(event: IncidentEvent) -> str:
    subject = f"{event.identity} {event.series}".rstrip()
    if event.file:
        return f"  {subject}: {event.file}"
    if event.not_after is not None:
        return f"  {subject}: {event.sha256[:16]} until {_iso(event.not_after)}"
    if event.newest_ms is None:
        return f"  {subject}"
    newest = datetime.fromtimestamp(event.newest_ms / 1000, UTC)
    return f"  {subject}: last sample {_iso(newest)}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
