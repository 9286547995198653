"""What a notice says: as JSON for a webhook, signed, and as text for people.

Pure: values in, text out. docs/how-to/monitor.md describes the JSON.
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

_HEADINGS = {
    "late": "Late: no new samples",
    "expiring": "Certificates that end soon, without a successor",
    "recovered": "Up to date again",
    "unwatched": "No longer watched",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to tell. ``series`` is empty for an identity as a whole; times have a zone."""

    event: str
    identity: str
    series: str
    at: datetime
    newest_ms: int | None = None
    sha256: str = ""
    not_after: datetime | None = None


def as_json(identifier: str, at: datetime, installation: str, items: Sequence[Told]) -> bytes:
    """Return the body that a webhook gets."""
    counts = Counter(each.event for each in items)
    document = {
        "type": "device_endpoint.notice",
        "id": identifier,
        "at_ms": _milliseconds(at),
        "installation": installation,
        "counts": {event: counts[event] for event in _HEADINGS},
        "events": [_event(installation, each) for each in items],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def as_subject(name: str, items: Sequence[Told]) -> str:
    """Return an e-mail's subject: what happened how often."""
    counts = Counter(each.event for each in items)
    parts = [f"{counts[event]} {event}" for event in _HEADINGS if counts[event]]
    return f"[{name}] {', '.join(parts)}"


def as_text(installation: str, items: Sequence[Told]) -> str:
    """Return an e-mail's text: a paragraph for each kind of event, long ones cut."""
    paragraphs = []
    for event, heading in _HEADINGS.items():
        lines = [_line(each) for each in items if each.event == event]
        if lines:
            more = [f"  and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
            paragraphs.append("\n".join([f"{heading}:", *lines[:MAX_LINES], *more]))
    paragraphs.append(f"Overview: {installation}/admin/analysis/overview/")
    return "\n\n".join(paragraphs) + "\n"


def signature(secret: str, identifier: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of the Standard Webhooks specification for ``body``."""
    stamp = str(int(sent_at.timestamp()))
    signed = b".".join([identifier.encode(), stamp.encode(), body])
    digest = hmac.new(decode_secret(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def decode_secret(secret: str) -> bytes:
    """Return the key that ``secret`` (base64, with ``whsec_`` before it or not) stands for.

    Raise ``ValueError`` if it is no base64 or shorter than ``LEAST_KEY_BYTES``.
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if len(key) < MIN_KEY_BYTES:
        raise ValueError("too short")
    return key


def _event(installation: str, told: Told) -> dict[str, object]:
    certificate = None
    if told.not_after is not None:
        certificate = {"sha256": told.sha256, "not_after": _iso(told.not_after)}
    return {
        "event": told.event,
        "identity": told.identity,
        "series": told.series or None,
        "at_ms": _milliseconds(told.at),
        "newest_ms": told.newest_ms,
        "certificate": certificate,
        "url": f"{installation}/admin/analysis/overview/{quote(told.identity, safe='')}/",
    }


def _line(told: Told) -> str:
    what = f"{told.identity} {told.series}".rstrip()
    if told.not_after is not None:
        return f"  {what}: {told.sha256[:16]} until {_iso(told.not_after)}"
    if told.newest_ms is None:
        return f"  {what}"
    newest = datetime.fromtimestamp(told.newest_ms / 1000, UTC)
    return f"  {what}: last sample {_iso(newest)}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
