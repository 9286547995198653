"""Put together what has to be told: for each channel one notice at a time, for all that changed.

Each item is stored with its notice in one transaction, under a unique constraint: whoever looks
at the same time tells nothing twice. While a notice has not been sent, the next one waits, and
then tells what is still true: of a device that stopped and came back meanwhile, nothing.
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
# What ended longer ago is no news.
TOLD_WITHIN = timedelta(days=7)

_Event = NotificationItem.Event


def channels() -> list[str]:
    """Return the ways of telling that are set up."""
    found = {
        Notification.Channel.EMAIL: bool(settings.ALERT_EMAIL_RECIPIENTS),
        Notification.Channel.WEBHOOK: bool(settings.ALERT_WEBHOOK_URL),
    }
    return [channel.value for channel, is_set_up in found.items() if is_set_up]


def create_notifications(now: datetime) -> int:
    """Store a notice for each channel that has something to tell; return how many.

    None in quiet hours, nor while another process does this.
    """
    if settings.QUIET_HOURS is not None and settings.QUIET_HOURS.covers(now):
        return 0
    with transaction.atomic():
        if not advisory_locks.try_acquire("notices", b""):
            return 0
        _give_up_others(now)
        return sum(_compose(channel, now) for channel in channels() if _may(channel, now))


def _compose(channel: str, now: datetime) -> bool:
    untold = [
        (incident, event) for event, rows in _untold(channel, now) for incident in rows[:MAX_ITEMS]
    ][:MAX_ITEMS]
    if not untold:
        return False
    notice = Notification.objects.create(channel=channel, created_at=now, next_attempt_at=now)
    NotificationItem.objects.bulk_create(
        NotificationItem(notice=notice, incident=incident, channel=channel, event=event)
        for incident, event in untold
    )
    return True


def _untold(channel: str, now: datetime) -> Iterable[tuple[str, QuerySet[Incident]]]:
    def told(event: str) -> Exists:
        items = NotificationItem.objects.filter(
            incident=OuterRef("pk"), channel=channel, event=event
        )
        return Exists(items)

    rows = Incident.objects.order_by("pk")
    going_on = rows.filter(ended_at=None, started_at__isnull=False)
    for event in (_Event.OVERDUE, _Event.EXPIRING):
        yield event, going_on.filter(~told(event), kind=event.value)
    over = rows.filter(told(_Event.OVERDUE), ended_at__gt=now - TOLD_WITHIN)
    for event in (_Event.RECOVERED, _Event.UNMONITORED):
        yield event, over.filter(~told(event), outcome=event.value)


def _may(channel: str, now: datetime) -> bool:
    """Tell whether none waits to be sent and the last one is long enough ago."""
    since = now - timedelta(seconds=settings.ALERT_GROUP_INTERVAL_SECONDS)
    waiting = Q(sent_at=None, abandoned_at=None)
    return not Notification.objects.filter(
        waiting | Q(created_at__gt=since), channel=channel
    ).exists()


def _give_up_others(now: datetime) -> None:
    waiting = Notification.objects.filter(sent_at=None, abandoned_at=None)
    waiting.exclude(channel__in=channels()).update(
        abandoned_at=now, last_error="this way of telling is no longer set up"
    )
