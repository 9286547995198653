"""An index from which the newest certificates are listed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("identities", "0004_watched_identities"),
        ("ingest", "0012_incidents_and_moved_certificates"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="devicecertificate",
            index=models.Index(fields=["-bound_at", "-id"], name="certificate_bound_at"),
        ),
    ]
