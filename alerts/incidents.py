"""Open and resolve incidents: overdue series and certificates that expire soon.

A series is overdue by the times of its samples. While files of it still arrive with older samples,
it catches up and starts no incident, for a day at most. An incident is resolved when the newest
sample is new enough, not when a file arrives.

While this installation is down, no device can upload. After an interruption of monitoring, each
series therefore gets its reporting interval again, an hour at most, before an incident starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from alerts import file_incidents
from alerts.models import Incident, MonitorHeartbeat
from alerts.overdue import Key, MonitoredSeries, find_last_received, find_monitored_series
from identities.models import lock_identities
from ingest.models import DeviceCertificate
from ingest.storage import advisory_locks

MAX_BACKFILL = timedelta(days=1)
# Files are found by their ids, which are made before they are committed.
OVERLAP = timedelta(minutes=5)
# After a longer interruption, files received before that are not read.
MAX_LOOKBACK = timedelta(hours=1)

AWAY_AFTER = timedelta(minutes=15)
MAX_RECOVERY_TIME = timedelta(hours=1)
BATCH_SIZE = 500

_Outcome = Incident.Outcome
_UPDATED_FIELDS = ("newest_ms", "last_received_at", "started_at", "is_backfilling")


def update_incidents(now: datetime) -> bool:
    """Update all incidents; return False, with nothing done, while another process does it."""
    with transaction.atomic():
        if not advisory_locks.try_acquire("monitoring", b""):
            return False
        heartbeat = MonitorHeartbeat.objects.filter(pk=1).first() or MonitorHeartbeat(
            pk=1, last_run_at=now
        )
        if now - heartbeat.last_run_at > AWAY_AFTER:
            heartbeat.away_until = now
        _update_overdue(now, heartbeat)
        _update_expiring(now)
        file_incidents.update_damaged(now)
        file_incidents.update_crashed(now)
        heartbeat.last_run_at = now
        heartbeat.save()
    return True


def delete_incidents(*, identity_id: int, certificate_ids: list[int], **kwargs: object) -> None:
    """Delete the incidents of an identity and of its certificates, with their notification items.

    Receiver of ``ingest.signals.identity_erased``.
    """
    Incident.objects.filter(identity_id=identity_id).delete()
    Incident.objects.filter(certificate_id__in=certificate_ids).delete()


def reassign_incidents(*, certificate: DeviceCertificate, **kwargs: object) -> None:
    """Give the open incident of a certificate to the certificate's new identity.

    Receiver of ``ingest.signals.certificate_reassigned``.
    """
    Incident.objects.filter(certificate=certificate, ended_at=None).update(
        identity_id=certificate.identity_id
    )


def _update_overdue(now: datetime, heartbeat: MonitorHeartbeat) -> None:
    open_rows = Incident.objects.filter(kind=Incident.Kind.OVERDUE, ended_at=None)
    incidents = {(row.identity_id, row.name): row for row in open_rows}
    monitored = {
        series.key: series
        for series in find_monitored_series(now, {identity_id for identity_id, _ in incidents})
    }
    overdue = {key: series for key, series in monitored.items() if series.is_overdue(now)}
    _resolve_others(incidents, overdue, monitored, now)
    overdue = {
        key: series
        for key, series in overdue.items()
        if key in incidents or _had_time(series, heartbeat.away_until, now)
    }
    since = max(heartbeat.last_run_at, now - MAX_LOOKBACK) - OVERLAP
    changed = []
    for key, received_at in _last_received(overdue, incidents, now, since).items():
        incident = incidents.get(key) or Incident(
            kind=Incident.Kind.OVERDUE, identity_id=key[0], name=key[1], detected_at=now
        )
        before = _updated_values(incident)
        _update_incident(incident, overdue[key], received_at, heartbeat, now)
        if before != _updated_values(incident):
            changed.append(incident)
    _create([row for row in changed if row.pk is None])
    old = [row for row in changed if row.pk is not None]
    Incident.objects.bulk_update(old, _UPDATED_FIELDS, batch_size=BATCH_SIZE)


def _resolve_others(
    incidents: dict[Key, Incident],
    overdue: dict[Key, MonitoredSeries],
    monitored: dict[Key, MonitoredSeries],
    now: datetime,
) -> None:
    others = {key: incident for key, incident in incidents.items() if key not in overdue}
    recovered = [row for key, row in others.items() if key in monitored]
    _resolve(recovered, now, _Outcome.RECOVERED)
    unmonitored = [row for key, row in others.items() if key not in monitored]
    _resolve(unmonitored, now, _Outcome.UNMONITORED)


def _update_incident(
    incident: Incident,
    series: MonitoredSeries,
    received_at: datetime | None,
    heartbeat: MonitorHeartbeat,
    now: datetime,
) -> None:
    incident.newest_ms = series.newest_ms
    incident.last_received_at = received_at or incident.last_received_at
    incident.is_backfilling = (
        incident.last_received_at is not None
        and incident.last_received_at >= series.allowed_since(now)
    )
    is_catching_up = incident.is_backfilling and now - incident.detected_at < MAX_BACKFILL
    if (
        incident.started_at is None
        and not is_catching_up
        and _had_time(series, heartbeat.away_until, now)
    ):
        incident.started_at = now


def _had_time(series: MonitoredSeries, away_until: datetime | None, now: datetime) -> bool:
    """Return whether the series could report since monitoring was interrupted."""
    time = min(timedelta(milliseconds=series.allowed_ms), MAX_RECOVERY_TIME)
    return away_until is None or now >= away_until + time


def _updated_values(incident: Incident) -> list[object]:
    return [getattr(incident, name) for name in _UPDATED_FIELDS]


def _last_received(
    overdue: dict[Key, MonitoredSeries],
    incidents: dict[Key, Incident],
    now: datetime,
    since: datetime,
) -> dict[Key, datetime | None]:
    """Return when the last file of each overdue series was received, None if not recently.

    For series that are overdue for the first time, files are read as far back as they matter.
    """
    if not overdue:
        return {}
    received: dict[Key, datetime | None] = dict.fromkeys(overdue)
    received |= find_last_received(overdue.keys(), since)
    new = {key for key in overdue if key not in incidents and received[key] is None}
    if new:
        earliest = min(overdue[key].allowed_since(now) for key in new)
        received |= find_last_received(new, earliest)
    return received


def _update_expiring(now: datetime) -> None:
    due = DeviceCertificate.objects.needing_renewal(now).filter(identity__is_active=True)
    open_rows = Incident.objects.filter(kind=Incident.Kind.EXPIRING, ended_at=None)
    _resolve(list(open_rows.exclude(certificate__in=due)), now, _Outcome.UNMONITORED)
    new = due.filter(not_after__gt=now).exclude(
        incidents__in=open_rows.filter(certificate__isnull=False)
    )
    _create(
        [
            Incident(
                kind=Incident.Kind.EXPIRING,
                identity_id=certificate.identity_id,
                certificate=certificate,
                detected_at=now,
                started_at=now,
            )
            for certificate in new.only("pk", "identity_id")
        ]
    )


def _create(incidents: list[Incident]) -> None:
    """Store new incidents, except those of identities that have been erased meanwhile."""
    existing = lock_identities({row.identity_id for row in incidents})
    rows = [row for row in incidents if row.identity_id in existing]
    Incident.objects.bulk_create(rows, batch_size=BATCH_SIZE)


def _resolve(incidents: Iterable[Incident], now: datetime, outcome: Incident.Outcome) -> None:
    keys = [incident.pk for incident in incidents]
    Incident.objects.filter(pk__in=keys).update(ended_at=now, outcome=outcome)
