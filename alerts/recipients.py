"""Who is notified: the recipients of the installation, and those of each study.

A study's e-mail addresses are entered on its page by its admins. Its webhook comes from the
environment, as that of the installation does: ``alerts.delivery``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings

from alerts.models import Notification
from identities.studies import Study
from identities.visibility import EVERYTHING, Scope


@dataclass(frozen=True)
class Recipient:
    """A channel of the installation, or of the study with this number and name."""

    channel: str
    study_id: int | None = None
    study: str = ""
    addresses: tuple[str, ...] = ()
    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    @property
    def key(self) -> tuple[str, int | None]:
        return self.channel, self.study_id

    def scope(self) -> Scope:
        """Return the identities whose incidents are reported: those of the study and its sites."""
        if self.study_id is None:
            return EVERYTHING
        return EVERYTHING.narrowed(frozenset({self.study_id}))


def list_recipients() -> list[Recipient]:
    """Return the recipients of the installation, then those of studies."""
    found = []
    if settings.ALERT_EMAIL_RECIPIENTS:
        addresses = tuple(settings.ALERT_EMAIL_RECIPIENTS)
        found.append(Recipient(_EMAIL, addresses=addresses))
    if settings.ALERT_WEBHOOK_URL:
        url, secret = settings.ALERT_WEBHOOK_URL, settings.ALERT_WEBHOOK_SECRET
        found.append(Recipient(_WEBHOOK, url=url, secret=secret))
    return [*found, *_list_recipients_of_studies()]


def _list_recipients_of_studies() -> list[Recipient]:
    found = [
        Recipient(_EMAIL, study.pk, study.name, addresses=tuple(study.alert_recipients.split()))
        for study in Study.objects.exclude(alert_recipients="").order_by("pk")
    ]
    webhooks = settings.ALERT_STUDY_WEBHOOKS
    studies = {study.name.lower(): study for study in Study.objects.all()} if webhooks else {}
    for name, (url, secret) in webhooks.items():
        study = studies.get(name.lower())
        if study is not None:
            found.append(Recipient(_WEBHOOK, study.pk, study.name, url=url, secret=secret))
    return found


_EMAIL, _WEBHOOK = Notification.Channel.EMAIL.value, Notification.Channel.WEBHOOK.value
