"""Limits on refused registrations per minute, by certificate and by IP address.

They count the recorded attempts, so that all processes share one count and a restart keeps it. A
throttled attempt costs one indexed query and no write, except for one row a minute.
"""

from __future__ import annotations

import ipaddress
import math
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from ipaddress import IPv4Address, IPv6Address

from django.conf import settings
from django.utils import timezone

from ingest.models import RegistrationAttempt
from ingest.registration_outcomes import NOT_A_REFUSAL, Outcome
from ingest.storage import advisory_locks, prepared_statements
from ingest.storage.prepared_statements import Statement

WINDOW = timedelta(seconds=60)
_NOT_A_REFUSAL = ", ".join(f"'{outcome.value}'" for outcome in NOT_A_REFUSAL)


class RegistrationThrottled(Exception):
    """Too many refused registrations; the next one is allowed in ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of an attempt: the certificate's SHA-256 and the IP address, if known."""

    sha256: bytes | None
    address: IPv4Address | IPv6Address | None

    @classmethod
    def of(cls, sha256: bytes | None, address: str) -> Source:
        """Return the source for an address as nginx writes it; IPv4 inside IPv6 is IPv4."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return cls(sha256, None)
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            return cls(sha256, ip.ipv4_mapped)
        return cls(sha256, ip)

    @property
    def address_text(self) -> str | None:
        return None if self.address is None else str(self.address)

    @property
    def network(self) -> tuple[str, str] | None:
        """Return the first and last address that share this one's limit.

        An IPv6 host can send from a whole /64, so the limit is for the /64.
        """
        if self.address is None:
            return None
        width = 32 if self.address.version == 4 else 64
        net = ipaddress.ip_network((self.address, width), strict=False)
        return str(net[0]), str(net[-1])


def check(source: Source) -> None:
    """Raise ``RegistrationThrottled`` if certificate or address has reached its limit."""
    now = timezone.now()
    first, last = source.network or (None, None)
    statement = _find_blocking(
        settings.REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE,
        settings.REGISTRATION_FAILURES_PER_MINUTE_PER_IP,
        is_range=first != last,
    )
    # A parameter of NULL finds nothing: what is not known has no limit.
    addresses = [None if address is None else address.encode() for address in (first, last)]
    since = prepared_statements.timestamptz(now - WINDOW)
    row = prepared_statements.execute(statement, [since, source.sha256, *addresses])
    for blocking in map(prepared_statements.to_time, row or ()):
        if blocking is not None:
            wait = math.ceil((blocking + WINDOW - now).total_seconds())
            raise RegistrationThrottled(retry_after=max(1, wait))


@cache
def _find_blocking(certificate_limit: int, address_limit: int, *, is_range: bool) -> Statement:
    """Return the statement that finds the limit-th newest refusal, of certificate and address.

    Where there is one, the next attempt is allowed when it leaves the window.
    """
    # With equality the index yields the newest rows first; a range sorts all of them.
    here = "address BETWEEN $3::inet AND $4::inet" if is_range else "address = $3::inet"
    conditions = (("sha256 = $2", certificate_limit), (here, address_limit))
    newest = ", ".join(
        f"(SELECT created_at FROM ingest_registrationattempt WHERE {condition}"  # noqa: S608
        f" AND created_at > $1 AND outcome NOT IN ({_NOT_A_REFUSAL})"
        f" ORDER BY created_at DESC LIMIT 1 OFFSET {limit - 1})"
        for condition, limit in conditions
    )
    name = f"blocking_{certificate_limit}_{address_limit}_{is_range:d}"
    return Statement(name, f"SELECT {newest}", ["timestamptz", "bytea", "text", "text"])


def check_under_lock(source: Source) -> None:
    """Run ``check`` so that no other refusal of this address comes between it and the commit.

    The caller holds the lock on the certificate already. Registrations that succeed never take
    this lock: devices that share an address register at the same time.
    """
    if source.network is not None:
        advisory_locks.acquire("refusals of an address", source.network[0].encode())
    check(source)


@dataclass
class ThrottledCounter:
    """Throttled attempts that this process has answered and not yet recorded.

    A client that keeps trying costs each process one row a minute. The row names the certificate
    and the address only if all attempts had the same ones.
    """

    count: int = 0
    sources: set[Source] = field(default_factory=set)
    last_at: datetime | None = None
    recorded_at: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, source: Source) -> None:
        with self.lock:
            self.count += 1
            self.last_at = timezone.now()
            if len(self.sources) < 2:
                self.sources.add(source)

    def record_when_due(self) -> None:
        """Write the count as one row, unless the last such row is less than a minute old."""
        with self.lock:
            now = timezone.now()
            if self.count == 0 or (self.recorded_at and now - self.recorded_at < WINDOW):
                return
            row = self._take(now)
        row.save(force_insert=True)

    def _take(self, now: datetime) -> RegistrationAttempt:
        only = next(iter(self.sources)) if len(self.sources) == 1 else None
        row = RegistrationAttempt(
            created_at=self.last_at or now,
            outcome=Outcome.THROTTLED,
            count=self.count,
            sha256=only.sha256 if only else None,
            address=only.address_text if only else None,
        )
        self.count, self.sources, self.recorded_at = 0, set(), now
        return row


throttled = ThrottledCounter()
