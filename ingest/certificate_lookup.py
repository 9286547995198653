"""Look up a certificate's identity and state, with a cache per process."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ingest.models import DeviceCertificate
from ingest.storage import durability_check, prepared_statements, transactions
from ingest.storage.prepared_statements import Statement
from ingest.storage.transactions import DatabaseUnavailable

logger = logging.getLogger(__name__)

# Each process caches usable certificates: about 3 MB at most.
MAX_CACHED = 10_000

_FIND = Statement(
    "find_binding",
    """
    SELECT c.id, c.state, c.not_before, c.not_after, c.retires_at,
           c.first_seen_at IS NOT NULL, i.id, i.name, i.is_active
    FROM ingest_devicecertificate c
    JOIN identities_identity i ON i.id = c.identity_id
    WHERE c.sha256 = $1
    """,
    ["bytea"],
)
_MARK_SEEN = Statement(
    "mark_certificate_seen",
    """
    UPDATE ingest_devicecertificate SET first_seen_at = now()
    WHERE id = $1 AND first_seen_at IS NULL
    RETURNING id
    """,
    ["int8"],
)
_POSTGRESQL_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Binding:
    """A certificate and its identity, as stored when it was looked up."""

    certificate_id: int
    sha256: bytes
    state: str
    not_before: datetime
    not_after: datetime
    retires_at: datetime | None
    is_seen: bool
    identity_id: int
    identity_name: str
    identity_is_active: bool

    @property
    def is_usable(self) -> bool:
        """Return whether staff allow it; its dates are checked elsewhere."""
        return self.state == DeviceCertificate.State.ACTIVE and self.identity_is_active


_cache: dict[bytes, Binding] = {}


def cached(sha256: bytes) -> Binding | None:
    """Return the result of this process's last look-up of the certificate, if it was usable.

    Only certificates that have made a request are cached.

    Staff may have suspended it since: only for work that the database checks again.
    """
    return _cache.get(sha256)


def fetch(sha256: bytes) -> Binding | None:
    """Return the binding of the certificate with this fingerprint, None if it is not bound."""
    row = transactions.run_with_retry(lambda: prepared_statements.execute(_FIND, [sha256]))
    binding = None if row is None else _binding(sha256, row)
    if binding is None or not (binding.is_usable and binding.is_seen):
        _cache.pop(sha256, None)
    else:
        _keep(binding)
    return binding


def mark_seen(binding: Binding) -> None:
    """Record the first request of a certificate; its predecessor cannot renew again after that.

    Should that fail, the next request tries again: it changes no answer.
    """
    number = prepared_statements.int8(binding.certificate_id)

    def mark() -> None:
        durability_check.ensure_all_nodes_answer()
        prepared_statements.execute(_MARK_SEEN, [number])

    try:
        transactions.run_with_retry(mark)
    except DatabaseUnavailable:
        logger.warning("the first request of certificate %s is not recorded", binding.sha256.hex())
    else:
        _keep(replace(binding, is_seen=True))


def _keep(binding: Binding) -> None:
    if len(_cache) >= MAX_CACHED:
        _cache.clear()
    _cache[binding.sha256] = binding


def _binding(sha256: bytes, row: list[bytes | None]) -> Binding:
    certificate_id, state, not_before, not_after, retires_at, is_seen = row[:6]
    identity_id, name, is_active = row[6:]
    return Binding(
        certificate_id=prepared_statements.to_int(certificate_id) or 0,
        sha256=sha256,
        state=prepared_statements.to_text(state) or "",
        not_before=_time(not_before),
        not_after=_time(not_after),
        retires_at=None if retires_at is None else _time(retires_at),
        is_seen=is_seen == b"\x01",
        identity_id=prepared_statements.to_int(identity_id) or 0,
        identity_name=prepared_statements.to_text(name) or "",
        identity_is_active=is_active == b"\x01",
    )


def _time(data: bytes | None) -> datetime:
    return _POSTGRESQL_EPOCH + timedelta(microseconds=prepared_statements.to_int(data) or 0)
