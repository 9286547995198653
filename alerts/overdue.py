"""Find overdue series by the times of their samples, and the files received for them lately.

An identity with a reporting interval, its own or a study's, is monitored as a whole: its series
together, under the empty name. Of other identities, each series is monitored whose measurement type
has an interval. docs/how-to/monitor.md defines the words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from identities.models import Identity
from identities.studies import StudyIdentity
from ingest.measurement_types import find_monitored_types
from ingest.models import DeviceCertificate, MeasurementType
from ingest.uuid7 import uuid7_floor

BATCH_SIZE = 500
# An identity and a series; the series is "" for the identity as a whole.
Key = tuple[int, str]

# Each look-up names one identity, so that it works where the tables are distributed by identity.
_NEWEST = """
SELECT i.id, s.name, s.last_ms
FROM unnest(%s::bigint[]) AS i(id) CROSS JOIN LATERAL ingest_series_newest(i.id) AS s
"""
_RECEIVED = """
SELECT m.identity_id, m.name, max(m.received_at) FROM ingest_measurement m
WHERE m.id >= %s AND m.status = 'stored' AND m.identity_id = ANY(%s)
GROUP BY m.identity_id, m.name
"""


@dataclass(frozen=True, slots=True)
class MonitoredSeries:
    """A series, or an identity as a whole, that is expected to report.

    ``newest_ms`` is the time of its newest sample, ``allowed_ms`` reporting interval plus grace
    period.
    """

    key: Key
    newest_ms: int
    allowed_ms: int

    def is_overdue(self, now: datetime) -> bool:
        return self.newest_ms < now.timestamp() * 1000 - self.allowed_ms

    def allowed_since(self, now: datetime) -> datetime:
        """Return the oldest time of a newest sample that is not overdue."""
        return now - timedelta(milliseconds=self.allowed_ms)


def find_monitored_series(now: datetime, also: Collection[int]) -> Iterator[MonitoredSeries]:
    """Yield the overdue series, and every monitored series of the identities ``also``.

    Inactive and paused identities and those without a certificate in service are not monitored.
    """
    allowed = dict(
        _monitored_identities(now)
        .order_by("pk")
        .annotate(
            allowed=Coalesce(
                F("reporting_interval") + Coalesce("grace_period", timedelta()),
                Subquery(shortest_of_studies()),
            )
        )
        .values_list("pk", "allowed")
    )
    ids = list(allowed)
    for start in range(0, len(ids), BATCH_SIZE):
        for series in _read_series(allowed, ids[start : start + BATCH_SIZE]):
            if series.is_overdue(now) or series.key[0] in also:
                yield series


def _monitored_identities(now: datetime) -> QuerySet[Identity]:
    in_service = DeviceCertificate.objects.in_service(now).filter(identity=OuterRef("pk"))
    identities = Identity.objects.filter(
        Exists(in_service),
        Q(monitoring_paused_until=None) | Q(monitoring_paused_until__lte=now),
        is_active=True,
    )
    if not MeasurementType.objects.exclude(reporting_interval=None).exists():
        identities = identities.filter(
            Q(reporting_interval__isnull=False) | Exists(shortest_of_studies())
        )
    return identities


def shortest_of_studies() -> QuerySet[StudyIdentity, Any]:
    """Return the shortest allowed time of the studies of an outer identity."""
    interval = Coalesce("study__reporting_interval", "study__parent__reporting_interval")
    grace = Coalesce("study__grace_period", "study__parent__grace_period", timedelta())
    taking_part = StudyIdentity.objects.filter(identity_id=OuterRef("pk"))
    with_interval = taking_part.annotate(allowed=interval + grace).exclude(allowed=None)
    return with_interval.order_by("allowed").values("allowed")[:1]


def _read_series(allowed: dict[int, timedelta | None], ids: list[int]) -> Iterator[MonitoredSeries]:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [ids])
        rows = cursor.fetchall()
    types = find_monitored_types({name for _, name, _ in rows})
    newest: dict[int, int] = {}
    for identity_id, name, last_ms in rows:
        kind = types.get(name)
        if allowed[identity_id] is not None:
            newest[identity_id] = max(last_ms, newest.get(identity_id, last_ms))
        elif kind is not None and kind.reporting_interval is not None:
            span = kind.reporting_interval + (kind.grace_period or timedelta())
            yield MonitoredSeries((identity_id, name), last_ms, _milliseconds(span))
    for identity_id, last_ms in newest.items():
        own = allowed[identity_id]
        if own is not None:
            yield MonitoredSeries((identity_id, ""), last_ms, _milliseconds(own))


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def find_last_received(keys: Collection[Key], since: datetime) -> dict[Key, datetime]:
    """Return when the last file of each of ``keys`` was stored, where that is after ``since``.

    Reads all files since then. Duplicates and rejected files do not count.
    """
    received: dict[Key, datetime] = {}
    ids = sorted({identity_id for identity_id, _ in keys})
    with connection.cursor() as cursor:
        cursor.execute(_RECEIVED, [uuid7_floor(since), ids])
        for identity_id, name, at in cursor.fetchall():
            for key in {(identity_id, name), (identity_id, "")}.intersection(keys):
                received[key] = max(at, received.get(key, at))
    return received
