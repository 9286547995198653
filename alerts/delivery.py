"""Send waiting notifications: by e-mail, and by POST to the webhook that the operator configured.

The webhook's address comes from the environment only: whoever could enter it on a page could make
this server send requests to any host that it reaches. Redirects are not followed for the same
reason. An attempt is counted and the next one scheduled before it is made, so that one of several
processes makes it. If a process dies after the receiver accepted a notification and before that
is stored, the notification is sent again with the same id.
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
from alerts.messages import IncidentEvent
from alerts.models import Incident, Notification, NotificationItem
from alerts.recipients import Recipient

logger = logging.getLogger(__name__)

# Longer than an attempt can take: no other process makes it meanwhile.
FIRST_PAUSE = timedelta(minutes=2)
MAX_PAUSE = timedelta(hours=1)
MAX_ATTEMPTS = 30
WEBHOOK_TIMEOUT_SECONDS = (5.0, 10.0)

_Event = NotificationItem.Event


class DeliveryFailed(Exception):
    """An attempt failed; the text says how, without addresses or secrets."""


def send_due(recipients: list[Recipient], now: datetime) -> tuple[int, int]:
    """Send each notification that is due; return the numbers of sent and failed ones."""
    if settings.QUIET_HOURS is not None and settings.QUIET_HOURS.covers(now):
        return 0, 0
    sent = failed = 0
    by_key = {recipient.key: recipient for recipient in recipients}
    due = Notification.objects.filter(_is_due(now)).order_by("pk") if by_key else ()
    for notification in due:
        recipient = by_key.get((notification.channel, notification.study_id))
        if recipient is None or not _claim(notification, now):
            continue
        if _send(notification, recipient, now):
            sent += 1
        else:
            failed += 1
    return sent, failed


def pause_after(attempts: int) -> timedelta:
    return min(MAX_PAUSE, FIRST_PAUSE * (1 << min(attempts - 1, 10)))


def _is_due(now: datetime) -> Q:
    return Q(sent_at=None, abandoned_at=None, next_attempt_at__lte=now)


def _claim(notification: Notification, now: datetime) -> bool:
    """Count an attempt and schedule the next; return False if another process was faster."""
    attempts = notification.attempts + 1
    claimed = Notification.objects.filter(
        _is_due(now), pk=notification.pk, attempts=notification.attempts
    ).update(attempts=attempts, next_attempt_at=now + pause_after(attempts))
    notification.attempts = attempts
    return claimed == 1


def _send(notification: Notification, recipient: Recipient, now: datetime) -> bool:
    events = _events(notification, recipient)
    if not events:  # its identities have left the study
        row = Notification.objects.filter(pk=notification.pk)
        row.update(abandoned_at=now, last_error="nothing is left to report")
        return True
    try:
        _SENDERS[notification.channel](notification, recipient, events, now)
    except DeliveryFailed as error:
        logger.warning(
            "notification %s by %s failed: %s", notification.pk, notification.channel, error
        )
        _record_failure(notification, str(error)[:200], now)
        return False
    Notification.objects.filter(pk=notification.pk).update(sent_at=now, last_error="")
    return True


def _record_failure(notification: Notification, error: str, now: datetime) -> None:
    with transaction.atomic():
        row = Notification.objects.filter(pk=notification.pk)
        row.update(last_error=error)
        if notification.attempts >= MAX_ATTEMPTS:
            # What is still true then goes into a new notification.
            row.update(abandoned_at=now)
            notification.items.all().delete()


def _send_email(
    notification: Notification, recipient: Recipient, events: list[IncidentEvent], now: datetime
) -> None:
    place = f"{settings.PUBLIC_HOST}: {recipient.study}" if recipient.study else ""
    message = EmailMessage(
        subject=messages.as_subject(place or settings.PUBLIC_HOST, events),
        body=messages.as_text(_installation(), events),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=recipient.addresses,
        headers={
            "Message-ID": f"<{notification.pk}@{settings.PUBLIC_HOST}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    try:
        message.send()
    except smtplib.SMTPResponseException as error:
        raise DeliveryFailed(f"the mail server answered {error.smtp_code}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryFailed(f"no mail server accepted it ({type(error).__name__})") from error


def _send_webhook(
    notification: Notification, recipient: Recipient, events: list[IncidentEvent], now: datetime
) -> None:
    key = str(notification.pk)
    place = messages.Place(_installation(), recipient.study)
    body = messages.as_json(key, notification.created_at, place, events)
    headers = messages.signature(recipient.secret, key, now, body)
    try:
        with requests.post(
            recipient.url,
            data=body,
            headers=headers | {"Content-Type": "application/json"},
            timeout=WEBHOOK_TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,  # the body of the response is not read, however long it is
            auth=lambda request: request,  # requests would otherwise read a .netrc
        ) as response:
            status = response.status_code
    except requests.RequestException as error:
        raise DeliveryFailed(f"no response ({type(error).__name__})") from error
    if not 200 <= status < 300:
        raise DeliveryFailed(f"the response was {status}")


_SENDERS: dict[str, Callable[[Notification, Recipient, list[IncidentEvent], datetime], None]] = {
    Notification.Channel.EMAIL: _send_email,
    Notification.Channel.WEBHOOK: _send_webhook,
}


def _installation() -> str:
    return f"https://{settings.PUBLIC_HOST}:{settings.STAFF_PORT}"


def _events(notification: Notification, recipient: Recipient) -> list[IncidentEvent]:
    """Return what to report: of identities that are in the recipient's study still."""
    items = notification.items.select_related("incident__identity", "incident__certificate")
    items = recipient.scope().filter(items, "incident__identity")
    items = items.order_by("incident__identity__name", "incident__name", "pk")
    return [_event(item.event, item.incident) for item in items.defer("incident__certificate__der")]


def _event(event: str, incident: Incident) -> IncidentEvent:
    is_resolved = event in (_Event.RECOVERED, _Event.UNMONITORED)
    certificate = incident.certificate
    return IncidentEvent(
        event=event,
        identity=incident.identity.name,
        series=incident.name,
        at=(incident.ended_at if is_resolved else incident.started_at) or incident.detected_at,
        newest_ms=incident.newest_ms,
        sha256=certificate.fingerprint if certificate else "",
        not_after=certificate.not_after if certificate else None,
        file="" if incident.measurement_id is None else str(incident.measurement_id),
    )
