"""Certificates that a device rolls by itself: what it asked for, and when the old one retires."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("identities", "0001_initial"),
        ("ingest", "0004_withdrawals_retention_conflicts"),
    ]

    operations = [
        migrations.AddField(
            "devicecertificate",
            "retires_at",
            models.DateTimeField(
                blank=True,
                null=True,
                help_text="From then on refused, since the device has rolled to a newer certificate.",
            ),
        ),
        migrations.CreateModel(
            "CertificateRoll",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rolls",
                        to="ingest.devicecertificate",
                    ),
                ),
                (
                    "key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="roll",
                        to="identities.presharedkey",
                    ),
                ),
            ],
        ),
    ]
