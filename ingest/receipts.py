"""The receipt of a measurement file. Pure."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Any, Literal

ReceiptStatus = Literal["stored", "duplicate", "rejected"]


@dataclass(frozen=True, slots=True)
class SeriesCounts:
    """The counts of one column; ``first_ms`` and ``last_ms`` are None without samples."""

    name: str
    samples: int
    new: int
    identical: int
    replaced: int
    repeated: int
    first_ms: int | None
    last_ms: int | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one file.

    ``lines`` counts data lines. ``samples`` counts non-empty values, and is ``new`` + ``identical``
    + ``replaced`` + ``repeated``. ``rounded`` counts values that their doubles do not give back
    exactly. ``first_ms`` and ``last_ms`` are epoch milliseconds, rounded down, None in a rejected
    file. ``series`` holds the counts by column of a file of several.
    """

    id: uuid.UUID
    name: str
    filename: str
    sha256: bytes
    status: ReceiptStatus
    lines: int
    samples: int
    new: int
    identical: int
    replaced: int
    repeated: int
    rounded: int
    first_ms: int | None
    last_ms: int | None
    series: list[dict[str, Any]] | None = None
    errors: list[dict[str, Any]] | None = None

    def counts(self) -> list[int]:
        """Return the counts in the order of ``ingest_store_file``."""
        return [
            self.lines,
            self.samples,
            self.new,
            self.identical,
            self.replaced,
            self.repeated,
            self.rounded,
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the receipt's JSON object; it has optional members where there is a value."""
        members: dict[str, Any] = {
            "id": str(self.id),
            "name": self.name,
            "filename": self.filename,
            "sha256": self.sha256.hex(),
            "status": self.status,
            "lines": self.lines,
            "samples": self.samples,
            "new": self.new,
            "identical": self.identical,
            "replaced": self.replaced,
            "repeated": self.repeated,
            "first_ms": self.first_ms,
            "last_ms": self.last_ms,
        }
        if self.rounded:
            members["rounded"] = self.rounded
        if self.series is not None:
            members["series"] = self.series
        if self.errors is not None:
            members["errors"] = self.errors
        return members
