"""What a run of the client is told by: lines for a person, or one JSON document."""

from __future__ import annotations

from dataclasses import dataclass, field

from device_client.api import Registration
from device_client.certificate import CertificateFacts
from device_client.errors import DeviceError, Refused


@dataclass
class Report:
    """What has happened so far; ``document`` is the JSON."""

    registration: Registration | None = None
    certificate: dict[str, object] = field(default_factory=dict)
    receipts: list[dict[str, object]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    error: dict[str, object] | None = None

    def certified(self, facts: CertificateFacts) -> None:
        """Note the device's certificate, before anybody has answered for it."""
        not_after = facts.not_after.isoformat().replace("+00:00", "Z")
        self.certificate = {"sha256": facts.sha256, "not_after": not_after}

    def failed(self, error: DeviceError) -> str:
        """Note ``error`` and return it as text: the server's own words where it has spoken."""
        self.error = {"title": str(error)}
        if not isinstance(error, Refused):
            return str(error)
        self.error = error.problem.raw or self.error
        return f"the server refused: {error.problem.explain()}"

    def document(self) -> dict[str, object]:
        """Return ``{"identity", "certificate", "receipts", "refusals", "error"}``."""
        known = self.registration
        return {
            "identity": known.identity if known else None,
            "certificate": known.certificate if known else self.certificate,
            "receipts": self.receipts,
            "refusals": self.refusals,
            "error": self.error,
        }
