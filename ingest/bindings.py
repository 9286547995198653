"""Look a certificate up: whose it is, and whether it may be used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingest import transactions
from ingest.models import DeviceCertificate


@dataclass(frozen=True, slots=True)
class Binding:
    """A certificate and its identity, as stored now."""

    certificate_id: int
    sha256: bytes
    state: str
    not_before: datetime
    not_after: datetime
    identity_id: int
    identity_name: str
    identity_is_active: bool


def find(sha256: bytes) -> Binding | None:
    """Return the binding of the certificate with this fingerprint, None if it is not bound."""
    return transactions.run(lambda: _find(sha256))


def _find(sha256: bytes) -> Binding | None:
    row = (
        DeviceCertificate.objects.filter(sha256=sha256)
        .values_list(
            "id",
            "state",
            "not_before",
            "not_after",
            "identity_id",
            "identity__name",
            "identity__is_active",
        )
        .first()
    )
    return None if row is None else Binding(row[0], sha256, *row[1:])
