"""What needs attention, for the status home: counts by state and the most urgent rows of each kind.

Each statement reads rows of one kind by an index, and few of them: the page costs the same at a
thousand identities and at a million.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.models import Incident
from alerts.overdue import shortest_of_studies
from analysis.queries.identity_status import FAILING_FOR, IdentityFilter, list_identities
from analysis.queries.read_database import connection
from identities.cluster import is_cluster
from identities.models import Identity
from identities.visibility import Scope
from ingest.measurement_types import find_monitored_types
from ingest.models import CertificateRefusal, DeviceCertificate, SampleConflict, Series
from ingest.series_names import read_names
from ingest.uuid7 import uuid7_floor

# Beyond it the states of all identities are not counted: no index can hold them.
MAX_IDENTITIES_COUNTED = 2_000
MAX_ROWS = 10
MAX_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class Attention:
    """One reason to act: ``kind``, of which identity, since when, and the row behind it.

    ``kind`` is one of rejected, overdue, refused, expiring and conflict. ``subject`` is the series
    or file name; ``detail`` the code or message; ``key`` the primary key of the row to open.
    """

    kind: str
    identity: str
    since: datetime | None
    subject: str = ""
    detail: str = ""
    key: Any = None


# The inner query keeps the planner to the partial index of rejected files.
_REJECTED = """
SELECT r.id, r.identity_id, r.name, r.received_at FROM (
    SELECT m.id, m.identity_id, m.name, m.received_at FROM ingest_measurement m
    WHERE m.status = 'rejected' AND m.id >= %(since)s AND {condition} OFFSET 0
) AS r ORDER BY r.id DESC LIMIT %(limit)s
"""


def count_by_state(scope: Scope) -> dict[str, int] | None:
    """Return the number of identities in each state, None if there are too many to look at."""
    identities = scope.identities().order_by()
    if identities[: MAX_IDENTITIES_COUNTED + 1].count() > MAX_IDENTITIES_COUNTED:
        return None
    page = list_identities(IdentityFilter(scope), limit=MAX_IDENTITIES_COUNTED)
    return dict(Counter(state for _, state in page.rows))


def find_attention(scope: Scope, now: datetime, *, may_see_devices: bool) -> list[Attention]:
    """Return at most ``MAX_ROWS`` rows of each kind, the most urgent kind first.

    ``may_see_devices``: also those of certificates.
    """
    rows = [*_rejected(scope, now), *_overdue(scope)]
    if may_see_devices:
        rows += [*_refused(scope, now), *_expiring(scope, now)]
    return [*rows, *_conflicts(scope)]


def _rejected(scope: Scope, now: datetime) -> Iterable[Attention]:
    condition, parameters = scope.sql("m.identity_id")
    with connection.cursor() as cursor:
        cursor.execute(
            _REJECTED.format(condition=condition),
            {**parameters, "since": uuid7_floor(now - FAILING_FOR), "limit": MAX_ROWS * 5},
        )
        found = cursor.fetchall()
    names = dict(
        Identity.objects.filter(pk__in={row[1] for row in found}).values_list("pk", "name")
    )
    latest = {row[1]: row for row in reversed(found)}  # one for each identity
    newest_first = sorted(latest.values(), key=lambda row: row[3], reverse=True)
    for key, identity_id, name, received_at in newest_first[:MAX_ROWS]:
        yield Attention("rejected", names.get(identity_id, ""), received_at, name, "", key)


def _overdue(scope: Scope) -> Iterable[Attention]:
    incidents = scope.filter(
        Incident.objects.filter(kind=Incident.Kind.OVERDUE, ended_at=None, is_backfilling=False)
    )
    longest = incidents.select_related("identity").order_by("newest_ms")[:MAX_ROWS]
    for incident in longest:
        newest = incident.newest_ms
        since = None if newest is None else datetime.fromtimestamp(newest / 1000, UTC)
        yield Attention("overdue", incident.identity.name, since, incident.name)


def _refused(scope: Scope, now: datetime) -> Iterable[Attention]:
    refusals = scope.filter(
        CertificateRefusal.objects.filter(at__gte=now - FAILING_FOR), "certificate__identity"
    ).exclude(code="unreadable_file")  # among the rejected files
    latest = refusals.select_related("certificate__identity").order_by("-at")[:MAX_ROWS]
    for refusal in latest:
        identity, label = refusal.certificate.identity.name, refusal.certificate.label
        yield Attention("refused", identity, refusal.at, label, refusal.code, refusal.pk)


def _expiring(scope: Scope, now: datetime) -> Iterable[Attention]:
    certificates = scope.filter(DeviceCertificate.objects.expiring(now))
    soonest = certificates.select_related("identity").defer("der").order_by("not_after")
    for certificate in soonest[:MAX_ROWS]:
        yield Attention(
            "expiring",
            certificate.identity.name,
            certificate.not_after,
            certificate.label,
            "",
            certificate.pk,
        )


def _conflicts(scope: Scope) -> Iterable[Attention]:
    conflicts = scope.filter(SampleConflict.objects.all()).select_related("identity")
    for conflict in conflicts.order_by("-last_detected_at")[:MAX_ROWS]:
        yield Attention(
            "conflict", conflict.identity.name, conflict.last_detected_at, conflict.name
        )


@dataclass(frozen=True, slots=True)
class Unmonitored:
    """How many of ``checked`` identities with a device are not monitored.

    ``checked`` is the number of all that there are, unless ``is_part``.
    """

    checked: int
    count: int
    is_part: bool

    @property
    def is_all(self) -> bool:
        """Return whether no identity is monitored, although some have a device."""
        return 0 < self.checked == self.count and not self.is_part


def count_unmonitored(scope: Scope, now: datetime) -> Unmonitored:
    """Check at most ``MAX_IDENTITIES_COUNTED`` active identities with a certificate in service.

    An identity is monitored if it has a reporting interval, its own or a study's, or a series whose
    measurement type has one, and its alerts are not paused.
    """
    certificates = DeviceCertificate.objects.in_service(now)
    if scope.is_small:
        in_service = Exists(certificates.filter(identity=OuterRef("pk")))
        identities = scope.identities().filter(in_service, is_active=True)
        found = identities.values_list("pk", flat=True)
    else:
        rows = scope.filter(certificates.filter(identity__is_active=True)).order_by()
        found = rows.values_list("identity", flat=True).distinct()  # type: ignore[assignment]
    identity_ids: list[int] = list(found[: MAX_IDENTITIES_COUNTED + 1])
    checked = identity_ids[:MAX_IDENTITIES_COUNTED]
    count = _unmonitored(Identity.objects.filter(pk__in=checked), now).count()
    return Unmonitored(len(checked), count, len(identity_ids) > len(checked))


def _unmonitored(identities: QuerySet[Identity], now: datetime) -> QuerySet[Identity]:
    with connection.cursor() as cursor:
        monitored = [*find_monitored_types(read_names(cursor, MAX_NAMES))]
    series = Series.objects.filter(name__in=monitored)
    # A cluster compares no row of a table that each node has with the tables of the nodes.
    has_monitored_series: Exists | Q = (
        Q(pk__in=series.values("identity_id"))
        if is_cluster()
        else Exists(series.filter(identity_id=OuterRef("pk")))
    )
    paused = identities.filter(monitoring_paused_until__gt=now)
    without = identities.filter(reporting_interval=None).exclude(Exists(shortest_of_studies()))
    return (without.exclude(has_monitored_series) if monitored else without) | paused


def is_monitoring_late(last_run_at: datetime | None, now: datetime) -> bool:
    """Return whether monitoring has not run for five minutes, or never."""
    return last_run_at is None or last_run_at < now - timedelta(minutes=5)
