"""How identities fare: when samples came last, what went wrong, which certificates end soon.

Each answer is found by key, so that a page costs the same in a table of ten files and of ten
million. A filter by state looks at ``MOST_LOOKED_AT`` identities at a time and says where to go
on, since a state is nothing that an index could hold: it changes by itself as time passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from alerts.models import Incident, MonitorHeartbeat
from analysis.queries.read_database import connection
from ingest.models import DeviceCertificate

FAILED_RECENTLY = timedelta(days=1)
QUIET_AFTER = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
USUALLY_QUIET_AFTER = "24h"
STATES = ("failing", "late", "catching-up", "expiring", "quiet", "fine", "idle", "off")
MAX_LOOKED_AT = 4_000
_BATCH_SIZE = 500


@dataclass(frozen=True)
class Watched:
    """An identity and what is known of it; ``last_ms`` is its last sample, epoch milliseconds."""

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
    ends_soon: bool = False


@dataclass(frozen=True)
class Counts:
    """How many identities are late or catch up and how many certificates end soon.

    ``looked_at`` is when ``watch`` found out who is late, None if it never did.
    """

    late: int
    catching_up: int
    expiring: int
    looked_at: datetime | None


@dataclass(frozen=True)
class WatchedPage:
    """Some identities in order of name; ``after`` continues them, ``looked_at`` were read."""

    rows: list[tuple[Watched, str]]
    after: str | None
    looked_at: int


# Several statements rather than one: each is of one kind of table, and those on samples and files
# name one identity (see 0010), which is a look-up in one place where they are distributed.
_PAGE = """
SELECT i.id, i.name, i.description, i.is_active FROM identities_identity i
WHERE {conditions} ORDER BY lower(i.name) LIMIT %(limit)s
"""
_LATEST = """
SELECT i.id, ingest_last_sample_ms(i.id), ingest_last_rejected_at(i.id)
FROM unnest(%s::bigint[]) AS i(id)
"""
_DEVICES = """
SELECT c.identity_id, count(*), min(c.not_after) FROM ingest_devicecertificate c
WHERE c.identity_id = ANY(%s) AND c.state = 'active'
  AND (c.retires_at IS NULL OR c.retires_at > %s)
GROUP BY c.identity_id
"""
_CONFLICTS = """
SELECT c.identity_id, count(*) FROM ingest_sampleconflict c
WHERE c.identity_id = ANY(%s) GROUP BY c.identity_id
"""

_LATE = """
SELECT n.identity_id, bool_or(NOT n.is_backfilling), bool_or(n.is_backfilling)
FROM alerts_incident n
WHERE n.identity_id = ANY(%s) AND n.kind = 'late' AND n.ended_at IS NULL GROUP BY n.identity_id
"""


def list_watched(
    *,
    contains: str = "",
    state: str = "",
    quiet_after: timedelta = QUIET_AFTER[USUALLY_QUIET_AFTER],
    after: str | None = None,
    limit: int = 50,
) -> WatchedPage:
    """Return at most ``limit`` identities that follow ``after``, each with its state.

    ``contains`` is a part of the name in any case, ``state`` one of ``STATES`` or "" for all.
    """
    now = timezone.now()
    rows: list[tuple[Watched, str]] = []
    looked_at = 0
    batch = _BATCH_SIZE if state else limit + 1
    while looked_at < MAX_LOOKED_AT:
        found = _read(contains, after, batch, now)
        for place, each in enumerate(found):
            its_state = tell_state(each, now, quiet_after)
            if not state or its_state == state:
                if len(rows) == limit:
                    return WatchedPage(rows, after, looked_at + place)
                rows.append((each, its_state))
            after = each.name
        looked_at += len(found)
        if len(found) < batch:
            return WatchedPage(rows, None, looked_at)
    return WatchedPage(rows, after, looked_at)


def find_watched(name: str) -> Watched | None:
    """Return the identity ``name`` (any case), or None."""
    found = _ask("lower(i.name) = lower(%(name)s)", {"name": name, "limit": 1}, timezone.now())
    return found[0] if found else None


def count_watched(now: datetime) -> Counts:
    """Return how many need looking at, by three statements."""
    late = Incident.objects.filter(kind=Incident.Kind.OVERDUE, ended_at=None)
    counted = late.aggregate(
        late=Count("identity", distinct=True, filter=Q(is_backfilling=False)),
        catching_up=Count("identity", distinct=True, filter=Q(is_backfilling=True)),
    )
    expiring = DeviceCertificate.objects.expiring(now).count()
    looked_at = MonitorHeartbeat.objects.filter(pk=1).values_list("last_run_at", flat=True).first()
    return Counts(**counted, expiring=expiring, looked_at=looked_at)


def tell_state(found: Watched, now: datetime, quiet_after: timedelta) -> str:
    """Return the one of ``STATES`` that asks most urgently for somebody to look."""
    if not found.is_active:
        return "off"
    if found.rejected_at is not None and found.rejected_at > now - FAILED_RECENTLY:
        return "failing"
    if not found.devices:
        return "idle"
    for state, is_so in (
        ("late", found.is_overdue),
        ("catching-up", found.is_backfilling),
        ("expiring", found.ends_soon),
        ("idle", found.last_ms is None),
    ):
        if is_so:
            return state
    is_quiet = (found.last_ms or 0) < (now - quiet_after).timestamp() * 1000
    return "quiet" if is_quiet else "fine"


def _read(contains: str, after: str | None, limit: int, now: datetime) -> list[Watched]:
    conditions = ["true"]
    given: dict[str, Any] = {"limit": limit}
    if contains:
        conditions.append("strpos(lower(i.name), lower(%(contains)s)) > 0")
        given["contains"] = contains.replace("\0", "")
    if after is not None:
        conditions.append("lower(i.name) > lower(%(after)s)")
        given["after"] = after
    return _ask(" AND ".join(conditions), given, now)


def _ask(conditions: str, parameters: dict[str, Any], now: datetime) -> list[Watched]:
    with connection.cursor() as cursor:
        cursor.execute(_PAGE.format(conditions=conditions), parameters)
        page = cursor.fetchall()
        numbers = [row[0] for row in page]
        cursor.execute(_LATEST, [numbers])
        latest = {number: found for number, *found in cursor.fetchall()}
        cursor.execute(_DEVICES, [numbers, now])
        devices = {number: found for number, *found in cursor.fetchall()}
        cursor.execute(_CONFLICTS, [numbers])
        conflicts = dict(cursor.fetchall())
        cursor.execute(_LATE, [numbers])
        late = {number: found for number, *found in cursor.fetchall()}
    ending = set(
        DeviceCertificate.objects.needing_renewal(now)
        .filter(identity__in=numbers)
        .values_list("identity", flat=True)
    )
    columns = (
        (
            *row,
            *latest[row[0]],
            *devices.get(row[0], (0, None)),
            conflicts.get(row[0], 0),
            *late.get(row[0], (False, False)),
            row[0] in ending,
        )
        for row in page
    )
    return [Watched(*each) for each in columns]
