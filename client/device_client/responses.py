"""Parse the server's responses: receipts, and errors as ``application/problem+json``. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

# The server will never accept the same bytes.
PERMANENT_STATUSES = frozenset({400, 413, 415, 422})
# A retry may succeed without anybody's intervention.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})

Json = dict[str, object]


def parse_object(body: bytes) -> Json | None:
    """Return ``body`` as a JSON object, None if it is anything else."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _parse_objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _parse_text(value: object) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Receipt:
    """The server's receipt for one file. ``raw`` is the JSON object as received."""

    raw: Json

    @property
    def name(self) -> str:
        return _parse_text(self.raw.get("name"))

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file's bytes, 64 lower-case hex digits."""
        return _parse_text(self.raw.get("sha256"))

    @property
    def status(self) -> str:
        """``stored``, ``duplicate`` or ``rejected``."""
        return _parse_text(self.raw.get("status"))

    @property
    def is_received(self) -> bool:
        """Whether the server has stored the file, so that the device can delete it."""
        return self.status in {"stored", "duplicate"}

    def format_line(self) -> str:
        """Return the receipt as one line of text.

        A duplicate has no counts: those of its receipt are the first upload's.
        """
        counts = [f"{self.raw.get(key)} {key}" for key in ("samples", "new", "identical")]
        counts += [
            f"{count} {key}"
            for key in ("replaced", "repeated", "rounded")
            if isinstance(count := self.raw.get(key), int) and count > 0
        ]
        text = "was stored before" if self.status == "duplicate" else ", ".join(counts)
        return f"{self.status:<9} {self.name}  {text}  {self.raw.get('id')}"

    def format_errors(self) -> list[str]:
        """Return a line of text for each unreadable line of a rejected file."""
        return [_format_error(error) for error in _parse_objects(self.raw.get("errors"))]


def _format_error(error: Json) -> str:
    where = f"line {error.get('line')}, column {error.get('column')}"
    return f"{where}: got {_parse_text(error.get('got'))!r}: {_parse_text(error.get('hint'))}"


@dataclass(frozen=True)
class Problem:
    """An error response. ``retry_after_seconds`` is None if the server sent no Retry-After."""

    status: int
    code: str
    title: str
    detail: str
    retryable: bool
    request_id: str = ""
    retry_after_seconds: float | None = None
    receipts: tuple[Receipt, ...] = ()
    raw: Json = field(default_factory=dict)

    @property
    def is_permanent(self) -> bool:
        """Whether the server will never accept these bytes.

        Only statuses about the bytes themselves count: a wrong address (404) must not cost data.
        """
        return not self.retryable and self.status in PERMANENT_STATUSES

    @property
    def is_transient(self) -> bool:
        """Whether a retry may succeed without anybody's intervention."""
        return self.retryable and self.status in TRANSIENT_STATUSES

    def summary(self) -> str:
        """Return the problem as one line of text."""
        text = f"{self.status} {self.title}"
        if self.detail and self.detail != self.title:
            text += f": {self.detail}"
        if self.code:
            text += f" ({self.code})"
        if self.request_id:
            text += f" [request {self.request_id}]"
        return text

    def explain(self) -> str:
        """Return the summary, followed by the unreadable lines of each rejected file."""
        lines = [self.summary()]
        for receipt in self.receipts:
            lines += [f"  {receipt.name}: {line}" for line in receipt.format_errors()]
        return "\n".join(lines)


def parse_problem(status: int, headers: Mapping[str, str], body: bytes) -> Problem:
    """Return the problem of a response with an error status.

    If the body is not JSON (a proxy's page, for example), the status decides alone.
    """
    document = parse_object(body) or {}
    retryable = document.get("retryable")
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown status"
    return Problem(
        status=status,
        code=_parse_text(document.get("type")).rpartition(":")[2],
        title=_parse_text(document.get("title")) or phrase,
        detail=_parse_text(document.get("detail")),
        retryable=retryable if isinstance(retryable, bool) else status not in PERMANENT_STATUSES,
        request_id=_parse_text(document.get("request_id")),
        retry_after_seconds=parse_retry_after(headers.get("Retry-After", "")),
        receipts=parse_receipts(document),
        raw=document,
    )


def parse_receipts(body: Json) -> tuple[Receipt, ...]:
    return tuple(Receipt(item) for item in _parse_objects(body.get("files")))


def parse_retry_after(text: str) -> float | None:
    """Return the seconds of a ``Retry-After`` header, None if it is absent or not a number.

    The HTTP-date form is not supported: it needs synchronized clocks, and this server never sends
    it.
    """
    return float(text) if text.strip().isascii() and text.strip().isdigit() else None
