"""Incidents (overdue series, expiring certificates, damaged files) and their notifications."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from identities.models import Identity
from identities.studies import Study
from ingest.models.certificates import DeviceCertificate
from ingest.uuid7 import uuid7


class Incident(models.Model):
    """Something that needs attention, until it is resolved.

    Each series, certificate and file has at most one open row of a kind, however many processes
    monitor.
    """

    class Kind(models.TextChoices):
        OVERDUE = "late", _("overdue")
        EXPIRING = "expiring", _("certificate expires soon")
        DAMAGED = "damaged", _("stored file damaged")
        CRASHED = "crashed", _("upload ended a process of the server")

    class Outcome(models.TextChoices):
        OPEN = "", _("open")
        RECOVERED = "recovered", _("up to date again")
        UNMONITORED = "unwatched", _("no longer monitored")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    identity = models.ForeignKey(
        Identity,
        on_delete=models.CASCADE,
        related_name="incidents",
        db_constraint=False,
        verbose_name=_("identity"),
    )
    name = models.CharField(
        _("series"), max_length=64, blank=True, help_text=_("Empty: the identity as a whole.")
    )
    certificate = models.ForeignKey(
        DeviceCertificate,
        null=True,
        on_delete=models.CASCADE,
        related_name="incidents",
        db_constraint=False,
        verbose_name=_("certificate"),
    )
    measurement_id = models.UUIDField(_("file"), null=True)  # no key: the file may be erased
    newest_ms = models.BigIntegerField(null=True, help_text=_("Time of the newest sample."))
    detected_at = models.DateTimeField(_("detected"), default=timezone.now)
    last_received_at = models.DateTimeField(
        _("last file received"), null=True, help_text=_("Empty if not recently.")
    )
    is_backfilling = models.BooleanField(
        default=False, help_text=_("Files arrive, with older samples.")
    )
    started_at = models.DateTimeField(
        _("started"),
        null=True,
        help_text=_("Overdue from then on; empty while the series only catches up."),
    )
    ended_at = models.DateTimeField(_("resolved"), null=True)
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.OPEN, blank=True
    )

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["identity", "name"],
                condition=Q(kind="late", ended_at=None),
                name="incident_overdue_once_per_series",
            ),
            models.UniqueConstraint(
                fields=["certificate"],
                condition=Q(kind="expiring", ended_at=None),
                name="incident_expiring_once_per_certificate",
            ),
            models.UniqueConstraint(
                fields=["measurement_id"],
                condition=Q(kind="damaged", ended_at=None),
                name="incident_damaged_once_per_file",
            ),
            models.UniqueConstraint(
                fields=["certificate"],
                condition=Q(kind="crashed", ended_at=None),
                name="incident_crashed_once_per_certificate",
            ),
        ]
        indexes = [models.Index(fields=["ended_at"], name="incident_ended")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.identity.name} {self.name}".rstrip()


class Notification(models.Model):
    """One e-mail or one call of a webhook; its text is made from its items.

    With a ``study`` it is for the recipients of that study, else for those of the installation.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", _("e-mail")
        WEBHOOK = "webhook", _("webhook")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    study = models.ForeignKey(
        Study,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        verbose_name=_("study"),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True)
    abandoned_at = models.DateTimeField(_("abandoned"), null=True)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-id"]
        constraints = [
            # The next one waits for it, and then reports what is still true.
            models.UniqueConstraint(
                fields=["channel", "study"],
                condition=Q(sent_at=None, abandoned_at=None),
                name="notification_one_pending_per_recipient",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.created_at:%Y-%m-%d %H:%M:%S}"


class NotificationItem(models.Model):
    """An event of an incident in a notification, once for each channel of each recipient."""

    class Event(models.TextChoices):
        OVERDUE = "late", _("overdue")
        EXPIRING = "expiring", _("certificate expires soon")
        DAMAGED = "damaged", _("stored file damaged")
        CRASHED = "crashed", _("upload ended a process of the server")
        RECOVERED = "recovered", _("up to date again")
        UNMONITORED = "unwatched", _("no longer monitored")

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="items")
    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="notification_items"
    )
    channel = models.CharField(max_length=10, choices=Notification.Channel.choices)
    study = models.ForeignKey(
        Study, null=True, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    event = models.CharField(max_length=10, choices=Event.choices)

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "channel", "event", "study"],
                name="notification_item_sent_once_per_recipient",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.incident}"


class MonitorHeartbeat(models.Model):
    """The last run of monitoring, in one row: shows when monitoring itself has stopped."""

    last_run_at = models.DateTimeField()
    away_until = models.DateTimeField(
        null=True, help_text=_("The first run after an interruption.")
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.last_run_at:%Y-%m-%d %H:%M:%S}"
