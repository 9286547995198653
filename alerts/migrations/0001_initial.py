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
                        help_text="When it looked again after it had not for a while.", null=True
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
                        choices=[("late", "Overdue"), ("expiring", "Expiring")], max_length=10
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
                ("newest_ms", models.BigIntegerField(help_text="The newest sample.", null=True)),
                ("detected_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "last_received_at",
                    models.DateTimeField(
                        help_text="When a file of it came last, if lately.", null=True
                    ),
                ),
                (
                    "is_backfilling",
                    models.BooleanField(default=False, help_text="Files come, of older samples."),
                ),
                (
                    "started_at",
                    models.DateTimeField(
                        help_text="From then on it counts as late; empty while it only catches up.",
                        null=True,
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "open"),
                            ("recovered", "Recovered"),
                            ("unwatched", "Unmonitored"),
                        ],
                        default="",
                        max_length=10,
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
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incidents",
                        to="identities.identity",
                    ),
                ),
            ],
            options={
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
                        choices=[("email", "e-mail"), ("webhook", "Webhook")], max_length=10
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("sent_at", models.DateTimeField(null=True)),
                ("abandoned_at", models.DateTimeField(null=True)),
                ("last_error", models.CharField(blank=True, max_length=200)),
            ],
            options={
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
                        choices=[("email", "e-mail"), ("webhook", "Webhook")], max_length=10
                    ),
                ),
                (
                    "event",
                    models.CharField(
                        choices=[
                            ("late", "Overdue"),
                            ("expiring", "Expiring"),
                            ("recovered", "Recovered"),
                            ("unwatched", "Unmonitored"),
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
                    "notice",
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
