"""How many refused registrations a certificate and an address may have in a minute.

Counted from the recorded attempts, so that all processes share one count and a restart does not
forget it. What is throttled costs one indexed look and no write, but for one row a minute.
"""

from __future__ import annotations

import ipaddress
import math
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from ingest.errors import TooManyRequests
from ingest.models import RegistrationAttempt
from ingest.registration_outcomes import NOT_A_REFUSAL, Outcome
from ingest.storage import advisory_locks

WINDOW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Source:
    """Who is trying: the certificate's SHA-256 and the address, None where it has none."""

    sha256: bytes
    address: IPv4Address | IPv6Address | None

    @classmethod
    def of(cls, sha256: bytes, address: str) -> Source:
        """Return the source for an address as nginx writes it; IPv4 inside IPv6 is IPv4."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return cls(sha256, None)
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            return cls(sha256, found.ipv4_mapped)
        return cls(sha256, found)

    @property
    def address_text(self) -> str | None:
        """Return the address as it is stored."""
        return None if self.address is None else str(self.address)

    @property
    def network(self) -> tuple[str, str] | None:
        """Return the first and last address that count as this one.

        An IPv6 host has a whole /64 to send from, so that is what counts.
        """
        if self.address is None:
            return None
        width = 32 if self.address.version == 4 else 64
        net = ipaddress.ip_network((self.address, width), strict=False)
        return str(net[0]), str(net[-1])


def check(source: Source) -> None:
    """Raise ``TooManyRequests`` if the certificate or the address has had its refusals."""
    now = timezone.now()
    recent = RegistrationAttempt.objects.filter(created_at__gt=now - WINDOW)
    recent = recent.exclude(outcome__in=NOT_A_REFUSAL)
    _check(
        recent.filter(sha256=source.sha256),
        settings.REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE,
        now,
    )
    if source.network is not None:
        first, last = source.network
        # Equality lets the index give the newest rows; a range would have all of them sorted.
        here = Q(address=first) if first == last else Q(address__range=(first, last))
        _check(recent.filter(here), settings.REGISTRATION_FAILURES_PER_MINUTE_PER_IP, now)


def _check(refused: QuerySet[RegistrationAttempt], limit: int, now: datetime) -> None:
    # The limit-th newest refusal exists: there is room again when it leaves the window.
    blocking = (
        refused.order_by("-created_at")
        .values_list("created_at", flat=True)[limit - 1 : limit]
        .first()
    )
    if blocking is not None:
        wait = math.ceil((blocking + WINDOW - now).total_seconds())
        raise TooManyRequests(retry_after=max(1, wait))


def check_alone(source: Source) -> None:
    """Like ``check``, with no other refusal of this address between it and the commit.

    The caller holds the lock on the certificate already. Registrations that succeed never wait
    for this lock: devices that share an address register side by side.
    """
    if source.network is not None:
        advisory_locks.acquire("refusals of an address", source.network[0].encode())
    check(source)


@dataclass
class Tally:
    """Throttled attempts that this process has answered and not yet recorded.

    A stranger who keeps trying costs one row a minute and process. The row names the
    certificate and the address only where they were the same all along.
    """

    count: int = 0
    sources: set[Source] = field(default_factory=set)
    last_at: datetime | None = None
    recorded_at: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, source: Source) -> None:
        """Count one throttled attempt."""
        with self.lock:
            self.count += 1
            self.last_at = timezone.now()
            if len(self.sources) < 2:
                self.sources.add(source)

    def record_when_due(self) -> None:
        """Write what was counted as one row, unless the last such row is of this minute."""
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


tally = Tally()
