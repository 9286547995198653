"""The state of each identity: last sample, rejected files, incidents, expiring certificates.

Every query uses a key, so the cost of a page does not depend on the size of the tables. A filter
by state checks at most ``MAX_IDENTITIES_CHECKED`` identities a page and returns where to continue,
because no index can hold a state that changes as time passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Count, Min, Q
from django.utils import timezone

from alerts.models import Incident, MonitorHeartbeat
from analysis.queries.read_database import connection
from identities.search import make_name_pattern
from identities.visibility import Scope
from ingest.models import DeviceCertificate
from ingest.series_names import find_identities_of_name

FAILING_FOR = timedelta(days=1)  # after a file was rejected
STALE_AFTER = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
DEFAULT_STALE_AFTER = "24h"
STATES = (
    "failing", "overdue", "backfilling", "expiring", "stale", "up-to-date", "idle", "inactive",
)  # fmt: skip
MAX_IDENTITIES_CHECKED = 4_000
_BATCH_SIZE = 500


@dataclass(frozen=True)
class IdentityStatus:
    """An identity and what its state depends on.

    ``last_ms`` is the time of its last sample in epoch milliseconds, ``devices`` the number of its
    certificates in service, ``expires_at`` the first date on which one of them expires.
    """

    id: int
    name: str
    description: str
    is_active: bool
    last_ms: int | None
    rejected_at: datetime | None
    devices: int
    expires_at: datetime | None
    conflicts: int
    is_overdue: bool = False
    is_backfilling: bool = False
    is_expiring: bool = False


@dataclass(frozen=True)
class IdentityFilter:
    """Which identities are listed.

    ``contains`` is a part of the name, ignoring case, or else the identity is one of ``found_ids``,
    found by the text of related rows; ``measurement`` is the name of a series that it has.
    """

    scope: Scope
    contains: str = ""
    found_ids: Sequence[int] = ()
    measurement: str = ""

    @cached_property
    def sql(self) -> tuple[str, dict[str, Any]]:
        """Return the condition on identities ``i`` and its parameters."""
        condition, parameters = self.scope.sql_of_identities("i.id")
        conditions = [condition]
        if self.contains:
            conditions.append(
                "(lower(i.name) LIKE %(contains)s OR i.id = ANY(%(found_ids)s))"
                if self.found_ids
                else "lower(i.name) LIKE %(contains)s"
            )
            parameters["contains"] = make_name_pattern(self.contains)
            parameters["found_ids"] = list(self.found_ids)
        if self.measurement:
            found = find_identities_of_name(self.measurement)
            conditions.append("i.id = ANY(%(measured)s)" if found is not None else _MEASURED)
            parameters["measured"] = found or []
            parameters["measurement"] = self.measurement.replace("\0", "")
        return " AND ".join(conditions), parameters


@dataclass(frozen=True)
class StateCounts:
    """Numbers of overdue and backfilling identities and of expiring certificates.

    ``checked_at`` is the time of the last run of ``monitor_devices``, None before the first.
    """

    overdue: int
    backfilling: int
    expiring: int
    checked_at: datetime | None


@dataclass(frozen=True)
class IdentityPage:
    """Identities and their states; ``after`` selects the next page.

    ``checked`` is the number of identities that were checked for the page.
    """

    rows: list[tuple[IdentityStatus, str]]
    after: str | None
    checked: int


# Several statements rather than one: on a cluster distributed by identity, each reads one kind of
# table, and the functions on samples and files name one identity and so are sent to one node.
_PAGE = """
SELECT i.id, i.name, i.description, i.is_active FROM identities_identity i
WHERE {conditions} ORDER BY lower(i.name) {direction} LIMIT %(limit)s
"""
_FEW = """
SELECT count(*) FROM (
    SELECT 1 FROM identities_identity i WHERE {conditions} LIMIT %(limit)s
) AS few
"""
# A cluster compares no row of a table that each node has with the tables of the nodes.
_MEASURED = """
i.id IN (SELECT s.identity_id FROM ingest_series s
         WHERE s.name = %(measurement)s OR starts_with(s.name, %(measurement)s || '.'))
"""
_LATEST = """
SELECT i.id, ingest_last_sample_ms(i.id), ingest_last_rejected_at(i.id)
FROM unnest(%s::bigint[]) AS i(id)
"""
_CONFLICTS = """
SELECT c.identity_id, count(*) FROM ingest_sampleconflict c
WHERE c.identity_id = ANY(%s) GROUP BY c.identity_id
"""
_OVERDUE = """
SELECT n.identity_id, bool_or(NOT n.is_backfilling), bool_or(n.is_backfilling)
FROM alerts_incident n
WHERE n.identity_id = ANY(%s) AND n.kind = 'late' AND n.ended_at IS NULL GROUP BY n.identity_id
"""


def list_identities(
    wanted: IdentityFilter,
    *,
    state: str = "",
    stale_after: timedelta = STALE_AFTER[DEFAULT_STALE_AFTER],
    after: str | None = None,
    is_descending: bool = False,
    limit: int = 50,
) -> IdentityPage:
    """Return at most ``limit`` identities after the name ``after``, with states.

    ``state`` is one of ``STATES`` or "" for all.
    """
    now = timezone.now()
    rows: list[tuple[IdentityStatus, str]] = []
    checked = 0
    batch_size = _BATCH_SIZE if state else limit + 1
    while checked < MAX_IDENTITIES_CHECKED:
        batch = _fetch_batch(wanted, after, is_descending, batch_size, now)
        for position, identity in enumerate(batch):
            identity_state = determine_state(identity, now, stale_after)
            if not state or identity_state == state:
                if len(rows) == limit:
                    return IdentityPage(rows, after, checked + position)
                rows.append((identity, identity_state))
            after = identity.name
        checked += len(batch)
        if len(batch) < batch_size:
            return IdentityPage(rows, None, checked)
    return IdentityPage(rows, after, checked)


def are_few(wanted: IdentityFilter, limit: int) -> bool:
    """Return whether there are at most ``limit`` identities."""
    conditions, parameters = wanted.sql
    with connection.cursor() as cursor:
        cursor.execute(_FEW.format(conditions=conditions), {**parameters, "limit": limit + 1})
        return bool(cursor.fetchone()[0] <= limit)


def sort_identities(
    wanted: IdentityFilter,
    key: Callable[[IdentityStatus, str], Any],
    *,
    state: str,
    stale_after: timedelta,
    is_descending: bool,
    limit: int,
) -> list[tuple[IdentityStatus, str]]:
    """Return at most ``limit`` identities in the order of ``key``, last those without a value."""
    page = list_identities(wanted, state=state, stale_after=stale_after, limit=limit)
    known = [row for row in page.rows if key(*row) is not None]
    known.sort(key=lambda row: key(*row), reverse=is_descending)
    return [*known, *(row for row in page.rows if key(*row) is None)]


def find_identity(name: str, scope: Scope) -> IdentityStatus | None:
    """Return the identity ``name`` (ignoring case), or None if ``scope`` does not have it."""
    condition, parameters = scope.sql("i.id")
    found = _fetch_statuses(
        f"lower(i.name) = lower(%(name)s) AND {condition}",
        {**parameters, "name": name, "limit": 1},
        timezone.now(),
    )
    return found[0] if found else None


def count_states(now: datetime, scope: Scope) -> StateCounts:
    """Return the counts of the identities of ``scope``, in three statements."""
    incidents = Incident.objects.filter(kind=Incident.Kind.OVERDUE, ended_at=None)
    open_incidents = scope.filter(incidents)
    counts = open_incidents.aggregate(
        overdue=Count("identity", distinct=True, filter=Q(is_backfilling=False)),
        backfilling=Count("identity", distinct=True, filter=Q(is_backfilling=True)),
    )
    expiring = scope.filter(DeviceCertificate.objects.expiring(now)).count()
    checked_at = MonitorHeartbeat.objects.filter(pk=1).values_list("last_run_at", flat=True).first()
    return StateCounts(**counts, expiring=expiring, checked_at=checked_at)


def determine_state(identity: IdentityStatus, now: datetime, stale_after: timedelta) -> str:
    """Return the most urgent of ``STATES`` that applies to the identity."""
    if not identity.is_active:
        return "inactive"
    if identity.rejected_at is not None and identity.rejected_at > now - FAILING_FOR:
        return "failing"
    if not identity.devices:
        return "idle"
    for state, applies in (
        ("overdue", identity.is_overdue),
        ("backfilling", identity.is_backfilling),
        ("expiring", identity.is_expiring),
        ("idle", identity.last_ms is None),
    ):
        if applies:
            return state
    is_stale = (identity.last_ms or 0) < (now - stale_after).timestamp() * 1000
    return "stale" if is_stale else "up-to-date"


def _fetch_batch(
    wanted: IdentityFilter, after: str | None, is_descending: bool, limit: int, now: datetime
) -> list[IdentityStatus]:
    condition, parameters = wanted.sql
    parameters = {**parameters, "limit": limit}
    if after is not None:
        condition += f" AND lower(i.name) {'<' if is_descending else '>'} lower(%(after)s)"
        parameters["after"] = after
    return _fetch_statuses(condition, parameters, now, is_descending)


def _fetch_statuses(
    conditions: str, parameters: dict[str, Any], now: datetime, is_descending: bool = False
) -> list[IdentityStatus]:
    direction = "DESC" if is_descending else "ASC"
    with connection.cursor() as cursor:
        cursor.execute(_PAGE.format(conditions=conditions, direction=direction), parameters)
        page = cursor.fetchall()
        identity_ids = [row[0] for row in page]
        cursor.execute(_LATEST, [identity_ids])
        latest = {pk: row for pk, *row in cursor.fetchall()}
        cursor.execute(_CONFLICTS, [identity_ids])
        conflicts = dict(cursor.fetchall())
        cursor.execute(_OVERDUE, [identity_ids])
        overdue = {pk: row for pk, *row in cursor.fetchall()}
    certificates = DeviceCertificate.objects.filter(identity__in=identity_ids)
    devices = {
        pk: row
        for pk, *row in certificates.in_service(now)
        .order_by()
        .values_list("identity")
        .annotate(Count("pk"), Min("not_after"))
    }
    expiring = set(certificates.needing_renewal(now).values_list("identity", flat=True))
    rows = (
        (
            *row,
            *latest[row[0]],
            *devices.get(row[0], (0, None)),
            conflicts.get(row[0], 0),
            *overdue.get(row[0], (False, False)),
            row[0] in expiring,
        )
        for row in page
    )
    return [IdentityStatus(*row) for row in rows]
