"""Send the notices that wait: by e-mail, and by POST to one address that the operator set.

That address comes from the environment and from nowhere else: whoever could type it into a page
could make this server ask any other that it can reach. Redirects are not followed for the same
reason. A try is counted and the next one put off before it is made, so that of two processes one
makes it. Should a process die after the other side has heard and before that is stored, the
notice is sent again, with the same id.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta

import requests
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q

from alerts import messages
from alerts.messages import Told
from alerts.models import Incident, Notification, NotificationItem
from alerts.notifications import channels

logger = logging.getLogger(__name__)

# Longer than a try takes at the worst: meanwhile no other process makes it.
FIRST_PAUSE = timedelta(minutes=2)
MAX_PAUSE = timedelta(hours=1)
MAX_TRIES = 30
WEBHOOK_TIMEOUT_SECONDS = (5.0, 10.0)

_Event = NotificationItem.Event


class NotSent(Exception):
    """A try failed; the text says how, without addresses or secrets."""


def send_due(now: datetime) -> tuple[int, int]:
    """Try each notice that is due; return how many were sent and how many failed."""
    if settings.QUIET_HOURS is not None and settings.QUIET_HOURS.covers(now):
        return 0, 0
    sent = failed = 0
    waiting = Notification.objects.filter(_waiting(now), channel__in=channels())
    for notice in waiting.order_by("pk"):
        if not _claim(notice, now):
            continue
        if _try(notice, now):
            sent += 1
        else:
            failed += 1
    return sent, failed


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts."""
    return min(MAX_PAUSE, FIRST_PAUSE * (1 << min(attempts - 1, 10)))


def _waiting(now: datetime) -> Q:
    return Q(sent_at=None, abandoned_at=None, next_attempt_at__lte=now)


def _claim(notice: Notification, now: datetime) -> bool:
    attempts = notice.attempts + 1
    mine = Notification.objects.filter(
        _waiting(now), pk=notice.pk, attempts=notice.attempts
    ).update(attempts=attempts, next_attempt_at=now + pause_after(attempts))
    notice.attempts = attempts
    return mine == 1


def _try(notice: Notification, now: datetime) -> bool:
    try:
        _WAYS[notice.channel](notice, now)
    except NotSent as error:
        logger.warning("notice %s by %s failed: %s", notice.pk, notice.channel, error)
        _reschedule(notice, str(error)[:200], now)
        return False
    Notification.objects.filter(pk=notice.pk).update(sent_at=now, last_error="")
    return True


def _reschedule(notice: Notification, error: str, now: datetime) -> None:
    with transaction.atomic():
        Notification.objects.filter(pk=notice.pk).update(last_error=error)
        if notice.attempts >= MAX_TRIES:
            # What is still true then goes into a new one.
            Notification.objects.filter(pk=notice.pk).update(abandoned_at=now)
            notice.items.all().delete()


def _send_email(notice: Notification, now: datetime) -> None:
    items, installation = _items(notice), _installation()
    message = EmailMessage(
        subject=messages.as_subject(settings.PUBLIC_HOST, items),
        body=messages.as_text(installation, items),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=settings.ALERT_EMAIL_RECIPIENTS,
        headers={
            "Message-ID": f"<{notice.pk}@{settings.PUBLIC_HOST}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    try:
        message.send()
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"the mail server answered {error.smtp_code}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(f"no mail server took it ({type(error).__name__})") from error


def _send_webhook(notice: Notification, now: datetime) -> None:
    identifier = str(notice.pk)
    body = messages.as_json(identifier, notice.created_at, _installation(), _items(notice))
    headers = messages.signature(settings.ALERT_WEBHOOK_SECRET, identifier, now, body)
    try:
        with requests.post(
            settings.ALERT_WEBHOOK_URL,
            data=body,
            headers=headers | {"Content-Type": "application/json"},
            timeout=WEBHOOK_TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,  # the answer's body is of no interest, however long
            auth=lambda request: request,  # else a .netrc would be read
        ) as answer:
            status = answer.status_code
    except requests.RequestException as error:
        raise NotSent(f"nobody answered ({type(error).__name__})") from error
    if not 200 <= status < 300:
        raise NotSent(f"the answer was {status}")


_WAYS: dict[str, Callable[[Notification, datetime], None]] = {
    Notification.Channel.EMAIL: _send_email,
    Notification.Channel.WEBHOOK: _send_webhook,
}


def _installation() -> str:
    return f"https://{settings.PUBLIC_HOST}:{settings.STAFF_PORT}"


def _items(notice: Notification) -> list[Told]:
    rows = notice.items.select_related("incident__identity", "incident__certificate")
    rows = rows.order_by("incident__identity__name", "incident__name", "pk")
    return [_told(item.event, item.incident) for item in rows.defer("incident__certificate__der")]


def _told(event: str, incident: Incident) -> Told:
    is_over = event in (_Event.RECOVERED, _Event.UNMONITORED)
    certificate = incident.certificate
    return Told(
        event=event,
        identity=incident.identity.name,
        series=incident.name,
        at=(incident.ended_at if is_over else incident.started_at) or incident.detected_at,
        newest_ms=incident.newest_ms,
        sha256=certificate.fingerprint if certificate else "",
        not_after=certificate.not_after if certificate else None,
    )
