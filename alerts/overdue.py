"""Which series are overdue, by the times of their samples, and of which files came of late.

An identity with an interval of its own is one thing to watch, its series together (the name is
then empty). Of the others each series is, whose measurement type has an interval.
docs/how-to/monitor.md defines the words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from identities.models import Identity
from ingest.measurement_types import find_types
from ingest.models import DeviceCertificate, MeasurementType
from ingest.uuid7 import uuid7_floor

BATCH_SIZE = 500
# An identity and a series; the series is "" for the identity as a whole.
Key = tuple[int, str]

# One kind of table a statement, and one identity a look-up: see migration 0010.
_NEWEST = """
SELECT i.id, s.name, s.last_ms
FROM unnest(%s::bigint[]) AS i(id) CROSS JOIN LATERAL ingest_series_newest(i.id) AS s
"""
_ARRIVED = """
SELECT m.identity_id, m.name, max(m.received_at) FROM ingest_measurement m
WHERE m.id >= %(since)s AND m.status = 'stored' AND m.identity_id = ANY(%(ids)s)
GROUP BY m.identity_id, m.name
"""


@dataclass(frozen=True, slots=True)
class WatchedSeries:
    """A series, or an identity as a whole, of which samples are expected.

    ``newest_ms`` is its newest sample, ``allowed_ms`` the interval with the grace.
    """

    key: Key
    newest_ms: int
    allowed_ms: int

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether the newest sample is older than is allowed."""
        return self.newest_ms < now.timestamp() * 1000 - self.allowed_ms

    def allowed_since(self, now: datetime) -> datetime:
        """Return the moment from which on a sample is new enough."""
        return now - timedelta(milliseconds=self.allowed_ms)


def find_watched_series(now: datetime, also: Collection[int]) -> Iterator[WatchedSeries]:
    """Yield what is overdue, and all that is watched of the identities ``also``.

    Not watched are inactive and paused identities, and those without a live certificate.
    """
    allowed = dict(
        _watchable(now)
        .order_by("pk")
        .annotate(allowed=F("reporting_interval") + Coalesce("grace_period", timedelta()))
        .values_list("pk", "allowed")
    )
    numbers = list(allowed)
    for start in range(0, len(numbers), BATCH_SIZE):
        for series in _watched(allowed, numbers[start : start + BATCH_SIZE]):
            if series.is_overdue(now) or series.key[0] in also:
                yield series


def _watched(allowed: dict[int, timedelta | None], numbers: list[int]) -> Iterator[WatchedSeries]:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [numbers])
        rows = cursor.fetchall()
    types = find_types({name for _, name, _ in rows})
    newest: dict[int, int] = {}
    for identity, name, last_ms in rows:
        kind = types[name]
        if allowed[identity] is not None:
            newest[identity] = max(last_ms, newest.get(identity, last_ms))
        elif kind is not None and kind.reporting_interval is not None:
            span = kind.reporting_interval + (kind.grace_period or timedelta())
            yield WatchedSeries((identity, name), last_ms, _milliseconds(span))
    for identity, last_ms in newest.items():
        own = allowed[identity]
        if own is not None:
            yield WatchedSeries((identity, ""), last_ms, _milliseconds(own))


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def find_arrivals(keys: Collection[Key], since: datetime) -> dict[Key, datetime]:
    """Return when a file that was stored came last of each of ``keys``, as far as after ``since``.

    Reads all files since then: neither what was sent again nor what could not be read counts.
    """
    found: dict[Key, datetime] = {}
    with connection.cursor() as cursor:
        given: dict[str, Any] = {
            "since": uuid7_floor(since),
            "ids": sorted({identity for identity, _ in keys}),
        }
        cursor.execute(_ARRIVED, given)
        for identity, name, at in cursor.fetchall():
            for key in {(identity, name), (identity, "")}.intersection(keys):
                found[key] = max(at, found.get(key, at))
    return found


def _watchable(now: datetime) -> QuerySet[Identity]:
    devices = DeviceCertificate.objects.in_service(now).filter(identity=OuterRef("pk"))
    found = Identity.objects.filter(
        Exists(devices),
        Q(monitoring_paused_until=None) | Q(monitoring_paused_until__lte=now),
        is_active=True,
    )
    if not MeasurementType.objects.exclude(reporting_interval=None).exists():
        found = found.exclude(reporting_interval=None)
    return found
