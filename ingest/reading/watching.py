"""How identities fare: when samples came last, what went wrong, which certificates end soon.

Each answer is found by key, so that a page costs the same in a table of ten files and of ten
million. A filter by state looks at ``MOST_LOOKED_AT`` identities at a time and says where to go
on, since a state is nothing that an index could hold: it changes by itself as time passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from ingest.reading.source import connection

EXPIRES_SOON = timedelta(days=30)
FAILED_RECENTLY = timedelta(days=1)
LATE_AFTER = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
USUALLY_LATE_AFTER = "24h"
STATES = ("failing", "late", "expiring", "fine", "idle", "off")
MOST_LOOKED_AT = 4_000
_AT_A_TIME = 500


@dataclass(frozen=True)
class Watched:
    """An identity and what is known of it; ``last_ms`` is its last sample, epoch milliseconds."""

    id: int
    name: str
    description: str
    is_active: bool
    last_ms: int | None
    devices: int
    expires_at: datetime | None
    rejected_at: datetime | None
    conflicts: int


@dataclass(frozen=True)
class WatchedPage:
    """Some identities in order of name; ``after`` continues them, ``looked_at`` were read."""

    rows: list[tuple[Watched, str]]
    after: str | None
    looked_at: int


# Four statements rather than one: each is of one kind of table, and those on samples and files
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


def list_watched(
    *,
    contains: str = "",
    state: str = "",
    late_after: timedelta = LATE_AFTER[USUALLY_LATE_AFTER],
    after: str | None = None,
    limit: int = 50,
) -> WatchedPage:
    """Return at most ``limit`` identities that follow ``after``, each with its state.

    ``contains`` is a part of the name in any case, ``state`` one of ``STATES`` or "" for all.
    """
    now = timezone.now()
    rows: list[tuple[Watched, str]] = []
    looked_at = 0
    batch = _AT_A_TIME if state else limit + 1
    while looked_at < MOST_LOOKED_AT:
        found = _read(contains, after, batch, now)
        for place, each in enumerate(found):
            its_state = tell_state(each, now, late_after)
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


def tell_state(found: Watched, now: datetime, late_after: timedelta) -> str:
    """Return the one of ``STATES`` that asks most urgently for somebody to look."""
    if not found.is_active:
        return "off"
    if found.rejected_at is not None and found.rejected_at > now - FAILED_RECENTLY:
        return "failing"
    if not found.devices:
        return "idle"
    if found.expires_at is not None and found.expires_at < now + EXPIRES_SOON:
        return "expiring"
    if found.last_ms is None:
        return "idle"
    return "late" if found.last_ms < (now - late_after).timestamp() * 1000 else "fine"


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
    return [_watched(row, latest, devices, conflicts) for row in page]


def _watched(
    row: tuple[Any, ...],
    latest: dict[int, list[Any]],
    devices: dict[int, list[Any]],
    conflicts: dict[int, int],
) -> Watched:
    number, name, description, is_active = row
    last_ms, rejected_at = latest[number]
    count, expires_at = devices.get(number, (0, None))
    return Watched(
        id=number,
        name=name,
        description=description,
        is_active=is_active,
        last_ms=last_ms,
        devices=count,
        expires_at=expires_at,
        rejected_at=rejected_at,
        conflicts=conflicts.get(number, 0),
    )
