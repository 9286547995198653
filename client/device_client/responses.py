"""Answers of the server as values: receipts, and errors as ``application/problem+json``.

Pure: values in, values out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

# Bytes that were refused with one of these are refused for ever.
NEVER_ACCEPTED = frozenset({400, 413, 415, 422})
# Worth another try without anybody's doing.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

Json = dict[str, object]


def parse_object(body: bytes) -> Json | None:
    """Return ``body`` as a JSON object, or None when it is anything else."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _objects(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Receipt:
    """What became of one file. ``raw`` is the receipt as the server gave it."""

    raw: Json

    @property
    def name(self) -> str:
        """Return the measurement's name."""
        return _text(self.raw.get("name"))

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the file's bytes, 64 lower-case hex digits."""
        return _text(self.raw.get("sha256"))

    @property
    def status(self) -> str:
        """Return ``stored``, ``duplicate`` or ``rejected``."""
        return _text(self.raw.get("status"))

    @property
    def is_received(self) -> bool:
        """Tell whether the server has the file for good, so that it need not be kept."""
        return self.status in {"stored", "duplicate"}

    def line(self) -> str:
        """Return the receipt as one line of text."""
        counts = ", ".join(
            f"{self.raw.get(key)} {key}" for key in ("samples", "new", "identical", "replaced")
        )
        return f"{self.status:<9} {self.name}  {counts}  {self.raw.get('id')}"

    def error_lines(self) -> list[str]:
        """Return one line of text for each unreadable line of a rejected file."""
        return [_error_line(error) for error in _objects(self.raw.get("errors"))]


def _error_line(error: Json) -> str:
    where = f"line {error.get('line')}, column {error.get('column')}"
    return f"{where}: got {_text(error.get('got'))!r}: {_text(error.get('hint'))}"


@dataclass(frozen=True)
class Problem:
    """An error answer. ``retry_after_s`` is the server's wish, None when it told none."""

    status: int
    code: str
    title: str
    detail: str
    retryable: bool
    request_id: str = ""
    retry_after_s: float | None = None
    receipts: tuple[Receipt, ...] = ()
    raw: Json = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Tell whether these bytes will never be accepted, so that resending is in vain.

        Only the codes that speak of the bytes themselves count: a wrong address (404) must not
        cost anybody's data.
        """
        return not self.retryable and self.status in NEVER_ACCEPTED

    @property
    def is_passing(self) -> bool:
        """Tell whether the trouble may end by itself."""
        return self.retryable and self.status in PASSING

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
        """Return the problem with the unreadable lines of each rejected file below it."""
        lines = [self.summary()]
        for receipt in self.receipts:
            lines += [f"  {receipt.name}: {line}" for line in receipt.error_lines()]
        return "\n".join(lines)


def parse_problem(status: int, headers: Mapping[str, str], body: bytes) -> Problem:
    """Return the problem that an answer with an error status tells.

    An answer without a readable body (a proxy's page, say) is understood by its status.
    """
    found = parse_object(body) or {}
    retryable = found.get("retryable")
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown status"
    return Problem(
        status=status,
        code=_text(found.get("type")).rpartition(":")[2],
        title=_text(found.get("title")) or phrase,
        detail=_text(found.get("detail")),
        retryable=retryable if isinstance(retryable, bool) else status not in NEVER_ACCEPTED,
        request_id=_text(found.get("request_id")),
        retry_after_s=parse_retry_after(headers.get("Retry-After", "")),
        receipts=parse_receipts(found),
        raw=found,
    )


def parse_receipts(body: Json) -> tuple[Receipt, ...]:
    """Return the receipts of an answer's ``files``."""
    return tuple(Receipt(item) for item in _objects(body.get("files")))


def parse_retry_after(text: str) -> float | None:
    """Return the seconds of a ``Retry-After`` header, None when absent or not a number.

    The HTTP-date form is not read: it needs two clocks to agree, and this server never sends it.
    """
    return float(text) if text.strip().isascii() and text.strip().isdigit() else None
