"""Incidents, notifications and the heartbeat of monitoring."""

import django.db.models.deletion
import django.utils.timezone
import ingest.uuid7
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("identities", "0001_initial"),
        ("ingest", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="MonitorHeartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("last_run_at", models.DateTimeField()),
                (
                    "away_until",
                    models.DateTimeField(
                        help_text="The first run after an interruption.", null=True
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("late", "overdue"), ("expiring", "certificate expires soon")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True,
                        help_text="Empty: the identity as a whole.",
                        max_length=64,
                        verbose_name="series",
                    ),
                ),
                (
                    "newest_ms",
                    models.BigIntegerField(help_text="Time of the newest sample.", null=True),
                ),
                (
                    "detected_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="detected"
                    ),
                ),
                (
                    "last_received_at",
                    models.DateTimeField(
                        help_text="Empty if not recently.",
                        null=True,
                        verbose_name="last file received",
                    ),
                ),
                (
                    "is_backfilling",
                    models.BooleanField(
                        default=False, help_text="Files arrive, with older samples."
                    ),
                ),
                (
                    "started_at",
                    models.DateTimeField(
                        help_text="Overdue from then on; empty while the series only catches up.",
                        null=True,
                        verbose_name="started",
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True, verbose_name="resolved")),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "open"),
                            ("recovered", "up to date again"),
                            ("unwatched", "no longer monitored"),
                        ],
                        default="",
                        max_length=10,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incidents",
                        to="ingest.devicecertificate",
                        verbose_name="certificate",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incidents",
                        to="identities.identity",
                        verbose_name="identity",
                    ),
                ),
            ],
            options={
                "verbose_name": "incident",
                "verbose_name_plural": "incidents",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=ingest.uuid7.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "e-mail"), ("webhook", "webhook")],
                        max_length=10,
                        verbose_name="channel",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
                ),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                (
                    "next_attempt_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="next attempt"
                    ),
                ),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                ("abandoned_at", models.DateTimeField(null=True, verbose_name="abandoned")),
                (
                    "last_error",
                    models.CharField(blank=True, max_length=200, verbose_name="last error"),
                ),
            ],
            options={
                "verbose_name": "notification",
                "verbose_name_plural": "notifications",
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("abandoned_at", None), ("sent_at", None)),
                        fields=("channel",),
                        name="notification_one_pending_per_channel",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="NotificationItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "e-mail"), ("webhook", "webhook")], max_length=10
                    ),
                ),
                (
                    "event",
                    models.CharField(
                        choices=[
                            ("late", "overdue"),
                            ("expiring", "certificate expires soon"),
                            ("recovered", "up to date again"),
                            ("unwatched", "no longer monitored"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notification_items",
                        to="alerts.incident",
                    ),
                ),
                (
                    "notification",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="alerts.notification",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(fields=["ended_at"], name="incident_ended"),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None), ("kind", "late")),
                fields=("identity", "name"),
                name="incident_overdue_once_per_series",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None), ("kind", "expiring")),
                fields=("certificate",),
                name="incident_expiring_once_per_certificate",
            ),
        ),
        migrations.AddConstraint(
            model_name="notificationitem",
            constraint=models.UniqueConstraint(
                fields=("incident", "channel", "event"), name="notification_item_sent_once"
            ),
        ),
    ]
