"""The receipt of a measurement file. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

ReceiptStatus = Literal["stored", "duplicate", "rejected"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one file; ``samples`` = its data lines = new + identical + replaced.

    ``first_ms`` and ``last_ms`` are epoch milliseconds, None in a rejected file.
    """

    id: uuid.UUID
    name: str
    filename: str
    sha256: bytes
    status: ReceiptStatus
    samples: int
    new: int
    identical: int
    replaced: int
    first_ms: int | None
    last_ms: int | None
    errors: list[dict[str, object]] | None = None

    def as_json(self) -> dict[str, object]:
        """Return the receipt's JSON object; only a rejected file has ``errors``."""
        members: dict[str, object] = {
            "id": str(self.id),
            "name": self.name,
            "filename": self.filename,
            "sha256": self.sha256.hex(),
            "status": self.status,
            "samples": self.samples,
            "new": self.new,
            "identical": self.identical,
            "replaced": self.replaced,
            "first_ms": self.first_ms,
            "last_ms": self.last_ms,
        }
        if self.errors is not None:
            members["errors"] = self.errors
        return members
