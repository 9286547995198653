"""That devices stopped, or will have to soon, and that somebody was told."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from identities.models import Identity
from ingest.models.certificates import DeviceCertificate
from ingest.uuid7 import uuid7


class Incident(models.Model):
    """A series without new samples, or a certificate that ends soon: from its beginning to its end.

    There is one open row at most for each series and each certificate, however many look at once.
    """

    class Kind(models.TextChoices):
        """What is the matter."""

        OVERDUE = "late"
        EXPIRING = "expiring"

    class Outcome(models.TextChoices):
        """How it ended."""

        OPEN = "", "open"
        RECOVERED = "recovered"
        UNMONITORED = "unwatched"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    identity = models.ForeignKey(
        Identity, on_delete=models.CASCADE, related_name="incidents", db_constraint=False
    )
    name = models.CharField(
        "series", max_length=64, blank=True, help_text="Empty: the identity as a whole."
    )
    certificate = models.ForeignKey(
        DeviceCertificate,
        null=True,
        on_delete=models.CASCADE,
        related_name="incidents",
        db_constraint=False,
    )
    newest_ms = models.BigIntegerField(null=True, help_text="The newest sample.")
    detected_at = models.DateTimeField(default=timezone.now)
    last_received_at = models.DateTimeField(
        null=True, help_text="When a file of it came last, if lately."
    )
    is_backfilling = models.BooleanField(default=False, help_text="Files come, of older samples.")
    started_at = models.DateTimeField(
        null=True, help_text="From then on it counts as late; empty while it only catches up."
    )
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        max_length=10, choices=Outcome.choices, default=Outcome.OPEN, blank=True
    )

    class Meta:
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
        ]
        indexes = [models.Index(fields=["ended_at"], name="incident_ended")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.identity.name} {self.name}".rstrip()


class Notification(models.Model):
    """What is told by one e-mail or one call of the webhook; its text is made from its items."""

    class Channel(models.TextChoices):
        """By which way."""

        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    abandoned_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # So that the next one waits for it, and tells what is still true then.
            models.UniqueConstraint(
                fields=["channel"],
                condition=Q(sent_at=None, abandoned_at=None),
                name="notification_one_pending_per_channel",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.created_at:%Y-%m-%d %H:%M:%S}"


class NotificationItem(models.Model):
    """One thing that a notice tells. Nothing is told twice by the same way."""

    class Event(models.TextChoices):
        """What is told of an incident: that it began, or how it ended."""

        OVERDUE = "late"
        EXPIRING = "expiring"
        RECOVERED = "recovered"
        UNMONITORED = "unwatched"

    notice = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="items")
    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="notification_items"
    )
    channel = models.CharField(max_length=10, choices=Notification.Channel.choices)
    event = models.CharField(max_length=10, choices=Event.choices)

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "channel", "event"], name="notification_item_sent_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.incident}"


class MonitorHeartbeat(models.Model):
    """When somebody last looked who is late: one row, so that silence here is noticed too."""

    last_run_at = models.DateTimeField()
    away_until = models.DateTimeField(
        null=True, help_text="When it looked again after it had not for a while."
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.last_run_at:%Y-%m-%d %H:%M:%S}"
