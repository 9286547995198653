"""Create notifications: one for each channel at a time, for all incidents that changed.

A notification and its items are stored in one transaction, under a unique constraint: processes
that run at once create each item once. While a notification has not been sent, the next one
waits, and then reports what is still true. A device that stopped and came back meanwhile is not
reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.models import Incident, Notification, NotificationItem
from ingest.storage import advisory_locks

MAX_ITEMS = 1000
# What was resolved longer ago is not reported.
MAX_RESOLVED_AGE = timedelta(days=7)

_Event = NotificationItem.Event


def configured_channels() -> list[str]:
    is_configured = {
        Notification.Channel.EMAIL: bool(settings.ALERT_EMAIL_RECIPIENTS),
        Notification.Channel.WEBHOOK: bool(settings.ALERT_WEBHOOK_URL),
    }
    return [channel.value for channel, configured in is_configured.items() if configured]


def create_notifications(now: datetime) -> int:
    """Store a notification for each channel that has something to report; return how many.

    Stores none in quiet hours or while another process does this.
    """
    if settings.QUIET_HOURS is not None and settings.QUIET_HOURS.covers(now):
        return 0
    with transaction.atomic():
        if not advisory_locks.try_acquire("notifications", b""):
            return 0
        _abandon_other_channels(now)
        return sum(
            _create(channel, now) for channel in configured_channels() if _is_due(channel, now)
        )


def _create(channel: str, now: datetime) -> bool:
    unreported = [
        (incident, event)
        for event, incidents in _unreported(channel, now)
        for incident in incidents[:MAX_ITEMS]
    ][:MAX_ITEMS]
    if not unreported:
        return False
    notification = Notification.objects.create(channel=channel, created_at=now, next_attempt_at=now)
    NotificationItem.objects.bulk_create(
        NotificationItem(notification=notification, incident=incident, channel=channel, event=event)
        for incident, event in unreported
    )
    return True


def _unreported(channel: str, now: datetime) -> Iterable[tuple[str, QuerySet[Incident]]]:
    def reported(event: str) -> Exists:
        items = NotificationItem.objects.filter(
            incident=OuterRef("pk"), channel=channel, event=event
        )
        return Exists(items)

    incidents = Incident.objects.order_by("pk")
    started = incidents.filter(ended_at=None, started_at__isnull=False)
    for event in (_Event.OVERDUE, _Event.EXPIRING, _Event.DAMAGED, _Event.CRASHED):
        yield event, started.filter(~reported(event), kind=event.value)
    resolved = incidents.filter(reported(_Event.OVERDUE), ended_at__gt=now - MAX_RESOLVED_AGE)
    for event in (_Event.RECOVERED, _Event.UNMONITORED):
        yield event, resolved.filter(~reported(event), outcome=event.value)


def _is_due(channel: str, now: datetime) -> bool:
    """Return whether none waits to be sent and the last one was created long enough ago."""
    since = now - timedelta(seconds=settings.ALERT_GROUP_INTERVAL_SECONDS)
    waiting = Q(sent_at=None, abandoned_at=None)
    return not Notification.objects.filter(
        waiting | Q(created_at__gt=since), channel=channel
    ).exists()


def _abandon_other_channels(now: datetime) -> None:
    waiting = Notification.objects.filter(sent_at=None, abandoned_at=None)
    waiting.exclude(channel__in=configured_channels()).update(
        abandoned_at=now, last_error="this channel is no longer configured"
    )
