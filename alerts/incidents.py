"""Open an incident where a device stopped or its certificate ends, and close it when that is over.

Late is judged by the times of the samples, so that a backlog raises no alarm: while files of a
series still come, nothing begins, though its newest sample is too old; it *catches up*, for a day
at most. What has begun ends when the newest sample is new enough again, not when a file comes.

While this installation is down, nobody can send. So after nobody has looked for a while, devices
get their interval again, an hour at most, before the first of them is late.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from alerts.models import Incident, MonitorHeartbeat
from alerts.overdue import (
    Key,
    WatchedSeries,
    find_arrivals,
    find_watched_series,
)
from ingest.models import DeviceCertificate
from ingest.storage import advisory_locks

CATCHES_UP_AT_MOST = timedelta(days=1)
# Files are looked for by their ids, which are made before they are committed.
OVERLAP = timedelta(minutes=5)
# Longer ago than this nobody looked: what came since is read once more, but no further back.
LOOKED_BACK_AT_MOST = timedelta(hours=1)

AWAY_AFTER = timedelta(minutes=15)
PATIENCE_AT_MOST = timedelta(hours=1)
BATCH_SIZE = 500

_Outcome = Incident.Outcome
_FACTS = ("newest_ms", "last_received_at", "started_at", "is_backfilling")


def update_incidents(now: datetime) -> bool:
    """Bring the incidents up to date; False, and nothing done, while another process does."""
    with transaction.atomic():
        if not advisory_locks.try_acquire("watch", b""):
            return False
        run = MonitorHeartbeat.objects.filter(pk=1).first() or MonitorHeartbeat(
            pk=1, last_run_at=now
        )
        if now - run.last_run_at > AWAY_AFTER:
            run.away_until = now
        _update_late(now, run)
        _update_expiring(now)
        run.last_run_at = now
        run.save()
    return True


def _update_late(now: datetime, run: MonitorHeartbeat) -> None:
    opened = Incident.objects.filter(kind=Incident.Kind.OVERDUE, ended_at=None)
    incidents = {(each.identity_id, each.name): each for each in opened}
    watched = {
        each.key: each for each in find_watched_series(now, {identity for identity, _ in incidents})
    }
    overdue = {key: each for key, each in watched.items() if each.is_overdue(now)}
    over = {key: incident for key, incident in incidents.items() if key not in overdue}
    _end([each for key, each in over.items() if key in watched], now, _Outcome.RECOVERED)
    _end([each for key, each in over.items() if key not in watched], now, _Outcome.UNMONITORED)
    changed = []
    overdue = {
        key: each
        for key, each in overdue.items()
        if key in incidents or _had_its_time(each, run.away_until, now)
    }
    looked_at = max(run.last_run_at, now - LOOKED_BACK_AT_MOST) - OVERLAP
    for key, arrived_at in _last_arrivals(overdue, incidents, now, looked_at).items():
        incident = incidents.get(key) or Incident(
            kind=Incident.Kind.OVERDUE, identity_id=key[0], name=key[1], detected_at=now
        )
        before = _facts(incident)
        _go_on(incident, overdue[key], arrived_at, now)
        if incident.started_at is None and _is_late(incident, overdue[key], run, now):
            incident.started_at = now
        if before != _facts(incident):
            changed.append(incident)
    new = [each for each in changed if each.pk is None]
    old = [each for each in changed if each.pk is not None]
    Incident.objects.bulk_create(new, batch_size=BATCH_SIZE)
    Incident.objects.bulk_update(old, _FACTS, batch_size=BATCH_SIZE)


def _go_on(
    incident: Incident, series: WatchedSeries, arrived_at: datetime | None, now: datetime
) -> None:
    incident.newest_ms = series.newest_ms
    incident.last_received_at = arrived_at or incident.last_received_at
    last_received_at = incident.last_received_at
    incident.is_backfilling = (
        last_received_at is not None and last_received_at >= series.allowed_since(now)
    )


def _is_late(
    incident: Incident, series: WatchedSeries, run: MonitorHeartbeat, now: datetime
) -> bool:
    if incident.is_backfilling and now - incident.detected_at < CATCHES_UP_AT_MOST:
        return False
    return _had_its_time(series, run.away_until, now)


def _had_its_time(series: WatchedSeries, away_until: datetime | None, now: datetime) -> bool:
    """Tell whether it could have sent since this installation was away."""
    time = min(timedelta(milliseconds=series.allowed_ms), PATIENCE_AT_MOST)
    return away_until is None or now >= away_until + time


def _facts(incident: Incident) -> list[object]:
    return [getattr(incident, name) for name in _FACTS]


def _last_arrivals(
    overdue: dict[Key, WatchedSeries],
    incidents: dict[Key, Incident],
    now: datetime,
    looked_at: datetime,
) -> dict[Key, datetime | None]:
    """Return when a file of each overdue series came last, as far as that is not known yet.

    Of what is overdue for the first time, files are looked for as far back as they could matter.
    """
    if not overdue:
        return {}
    found: dict[Key, datetime | None] = dict.fromkeys(overdue)
    found |= find_arrivals(overdue.keys(), looked_at)
    new = {key for key in overdue if key not in incidents and found[key] is None}
    if new:
        found |= find_arrivals(new, min(overdue[key].allowed_since(now) for key in new))
    return found


def _update_expiring(now: datetime) -> None:
    due = DeviceCertificate.objects.needing_renewal(now).filter(identity__is_active=True)
    opened = Incident.objects.filter(kind=Incident.Kind.EXPIRING, ended_at=None)
    _end(list(opened.exclude(certificate__in=due)), now, _Outcome.UNMONITORED)
    new = due.filter(not_after__gt=now).exclude(
        incidents__in=opened.filter(certificate__isnull=False)
    )
    Incident.objects.bulk_create(
        Incident(
            kind=Incident.Kind.EXPIRING,
            identity_id=each.identity_id,
            certificate=each,
            detected_at=now,
            started_at=now,
        )
        for each in new.only("pk", "identity_id")
    )


def _end(incidents: Iterable[Incident], now: datetime, outcome: Incident.Outcome) -> None:
    numbers = [each.pk for each in incidents]
    Incident.objects.filter(pk__in=numbers).update(ended_at=now, outcome=outcome)
