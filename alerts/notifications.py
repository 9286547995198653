"""Create notifications: one for each channel of each recipient at a time.

A recipient is the installation, whose notifications have all incidents, or a study, whose
notifications have those of its identities and of its sites'. A notification and its items are
stored in one transaction, under a unique constraint: processes that run at once create each item
once. While a notification has not been sent, the next one waits, and then reports what is still
true. A device that stopped and came back meanwhile is not reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.models import Incident, Notification, NotificationItem
from alerts.recipients import Recipient
from ingest.storage import advisory_locks

MAX_ITEMS = 1000
# What was resolved longer ago is not reported.
MAX_RESOLVED_AGE = timedelta(days=7)

_Event = NotificationItem.Event


def create_notifications(recipients: list[Recipient], now: datetime) -> int:
    """Store a notification for each recipient that has something to report; return how many.

    Stores none in quiet hours or while another process does this.
    """
    if settings.QUIET_HOURS is not None and settings.QUIET_HOURS.covers(now):
        return 0
    with transaction.atomic():
        if not advisory_locks.try_acquire("notifications", b""):
            return 0
        _abandon_others(recipients, now)
        waiting = _find_waiting(now) if recipients else set()
        return sum(_create(each, now) for each in recipients if each.key not in waiting)


def _create(recipient: Recipient, now: datetime) -> bool:
    unreported = [
        (incident, event)
        for event, incidents in _unreported(recipient, now)
        for incident in incidents[:MAX_ITEMS]
    ][:MAX_ITEMS]
    if not unreported:
        return False
    columns = {"channel": recipient.channel, "study_id": recipient.study_id}
    notification = Notification.objects.create(created_at=now, next_attempt_at=now, **columns)
    NotificationItem.objects.bulk_create(
        NotificationItem(notification=notification, incident=incident, event=event, **columns)
        for incident, event in unreported
    )
    return True


def _unreported(recipient: Recipient, now: datetime) -> Iterable[tuple[str, QuerySet[Incident]]]:
    def reported(event: str) -> Exists:
        items = NotificationItem.objects.filter(
            incident=OuterRef("pk"),
            channel=recipient.channel,
            study=recipient.study_id,
            event=event,
        )
        return Exists(items)

    incidents = recipient.scope().filter(Incident.objects.order_by("pk"))
    started = incidents.filter(ended_at=None, started_at__isnull=False)
    for event in (_Event.OVERDUE, _Event.EXPIRING, _Event.DAMAGED, _Event.CRASHED):
        yield event, started.filter(~reported(event), kind=event.value)
    resolved = incidents.filter(reported(_Event.OVERDUE), ended_at__gt=now - MAX_RESOLVED_AGE)
    for event in (_Event.RECOVERED, _Event.UNMONITORED):
        yield event, resolved.filter(~reported(event), outcome=event.value)


def _find_waiting(now: datetime) -> set[tuple[str, int | None]]:
    """Return the recipients with a notification to be sent, or with one created lately."""
    since = now - timedelta(seconds=settings.ALERT_GROUP_INTERVAL_SECONDS)
    waiting = Q(sent_at=None, abandoned_at=None)
    found = Notification.objects.filter(waiting | Q(created_at__gt=since)).order_by()
    return {*found.values_list("channel", "study_id")}


def _abandon_others(recipients: list[Recipient], now: datetime) -> None:
    """Abandon the notifications of recipients that are no longer configured."""
    keys = {recipient.key for recipient in recipients}
    waiting = Notification.objects.filter(sent_at=None, abandoned_at=None)
    gone = [pk for pk, *key in waiting.values_list("pk", "channel", "study_id")
            if tuple(key) not in keys]  # fmt: skip
    Notification.objects.filter(pk__in=gone).update(
        abandoned_at=now, last_error="this channel is no longer configured"
    )
