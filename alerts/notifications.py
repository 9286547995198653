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

from ingest.models import Incident, Notice, NoticeItem
from ingest.storing import advisory_locks

MOST_ITEMS = 1000
# What ended longer ago is no news.
TOLD_WITHIN = timedelta(days=7)

_Event = NoticeItem.Event


def channels() -> list[str]:
    """Return the ways of telling that are set up."""
    found = {
        Notice.Channel.EMAIL: bool(settings.NOTICE_EMAILS),
        Notice.Channel.WEBHOOK: bool(settings.NOTICE_WEBHOOK_URL),
    }
    return [channel.value for channel, is_set_up in found.items() if is_set_up]


def compose(now: datetime) -> int:
    """Store a notice for each channel that has something to tell; return how many.

    None in quiet hours, nor while another process does this.
    """
    if settings.QUIET_HOURS is not None and settings.QUIET_HOURS.covers(now):
        return 0
    with transaction.atomic():
        if not advisory_locks.try_hold("notices", b""):
            return 0
        _give_up_others(now)
        return sum(_compose(channel, now) for channel in channels() if _may(channel, now))


def _compose(channel: str, now: datetime) -> bool:
    untold = [
        (incident, event) for event, rows in _untold(channel, now) for incident in rows[:MOST_ITEMS]
    ][:MOST_ITEMS]
    if not untold:
        return False
    notice = Notice.objects.create(channel=channel, at=now, next_try_at=now)
    NoticeItem.objects.bulk_create(
        NoticeItem(notice=notice, incident=incident, channel=channel, event=event)
        for incident, event in untold
    )
    return True


def _untold(channel: str, now: datetime) -> Iterable[tuple[str, QuerySet[Incident]]]:
    def told(event: str) -> Exists:
        items = NoticeItem.objects.filter(incident=OuterRef("pk"), channel=channel, event=event)
        return Exists(items)

    rows = Incident.objects.order_by("pk")
    going_on = rows.filter(ended_at=None, begun_at__isnull=False)
    for event in (_Event.LATE, _Event.EXPIRING):
        yield event, going_on.filter(~told(event), kind=event.value)
    over = rows.filter(told(_Event.LATE), ended_at__gt=now - TOLD_WITHIN)
    for event in (_Event.RECOVERED, _Event.UNWATCHED):
        yield event, over.filter(~told(event), outcome=event.value)


def _may(channel: str, now: datetime) -> bool:
    """Tell whether none waits to be sent and the last one is long enough ago."""
    since = now - timedelta(seconds=settings.NOTICE_GAP_S)
    waiting = Q(sent_at=None, given_up_at=None)
    return not Notice.objects.filter(waiting | Q(at__gt=since), channel=channel).exists()


def _give_up_others(now: datetime) -> None:
    waiting = Notice.objects.filter(sent_at=None, given_up_at=None)
    waiting.exclude(channel__in=channels()).update(
        given_up_at=now, last_error="this way of telling is no longer set up"
    )
