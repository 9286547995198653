"""Open an incident where a device stopped or its certificate ends, and close it when that is over.

Late is judged by the times of the samples, so that a backlog raises no alarm: while files of a
series still come, nothing begins, though its newest sample is too old; it *catches up*, for a day
at most. What has begun ends when the newest sample is new enough again, not when a file comes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from ingest.models import DeviceCertificate, Incident, WatchRun
from ingest.reading.lateness import Key, WatchedSeries, find_arrivals, find_watched_series
from ingest.storing import advisory_locks

CATCHES_UP_AT_MOST = timedelta(days=1)
# Files are looked for by their ids, which are made before they are committed.
OVERLAP = timedelta(minutes=5)
# Longer ago than this nobody looked: what came since is read once more, but no further back.
LOOKED_BACK_AT_MOST = timedelta(hours=1)

_Outcome = Incident.Outcome


def update_incidents(now: datetime) -> bool:
    """Bring the incidents up to date; False, and nothing done, while another process does."""
    with transaction.atomic():
        if not advisory_locks.try_hold("watch", b""):
            return False
        last = WatchRun.objects.filter(pk=1).values_list("at", flat=True).first() or now
        _update_late(now, max(last, now - LOOKED_BACK_AT_MOST) - OVERLAP)
        _update_expiring(now)
        WatchRun.objects.update_or_create(pk=1, defaults={"at": now})
    return True


def _update_late(now: datetime, looked_at: datetime) -> None:
    opened = Incident.objects.filter(kind=Incident.Kind.LATE, ended_at=None)
    incidents = {(each.identity_id, each.name): each for each in opened}
    watched = {
        each.key: each for each in find_watched_series(now, {identity for identity, _ in incidents})
    }
    overdue = {key: each for key, each in watched.items() if each.is_overdue(now)}
    for key, incident in incidents.items():
        if key not in overdue:
            _end(incident, now, _Outcome.RECOVERED if key in watched else _Outcome.UNWATCHED)
    for key, arrived_at in _last_arrivals(overdue, incidents, now, looked_at).items():
        incident = incidents.get(key) or Incident(
            kind=Incident.Kind.LATE, identity_id=key[0], name=key[1], noticed_at=now
        )
        _go_on(incident, overdue[key], arrived_at, now)


def _go_on(
    incident: Incident, series: WatchedSeries, arrived_at: datetime | None, now: datetime
) -> None:
    before = _facts(incident)
    incident.newest_ms = series.newest_ms
    incident.seen_at = arrived_at or incident.seen_at
    seen_at = incident.seen_at
    incident.catches_up = seen_at is not None and seen_at >= series.allowed_since(now)
    if not incident.catches_up or now - incident.noticed_at >= CATCHES_UP_AT_MOST:
        incident.begun_at = incident.begun_at or now
    if before != _facts(incident):
        incident.save()


def _facts(incident: Incident) -> tuple[object, ...]:
    return incident.pk, incident.newest_ms, incident.seen_at, incident.begun_at, incident.catches_up


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
    ending = DeviceCertificate.objects.ending(now).filter(identity__is_active=True)
    opened = Incident.objects.filter(kind=Incident.Kind.EXPIRING, ended_at=None)
    for incident in opened.exclude(certificate__in=ending):
        _end(incident, now, _Outcome.UNWATCHED)
    new = ending.filter(not_after__gt=now).exclude(
        incidents__in=opened.filter(certificate__isnull=False)
    )
    Incident.objects.bulk_create(
        Incident(
            kind=Incident.Kind.EXPIRING,
            identity_id=each.identity_id,
            certificate=each,
            noticed_at=now,
            begun_at=now,
        )
        for each in new.only("pk", "identity_id")
    )


def _end(incident: Incident, now: datetime, outcome: Incident.Outcome) -> None:
    incident.ended_at, incident.outcome = now, outcome
    incident.save(update_fields=["ended_at", "outcome"])
