"""Add a column that the running release does not use."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = []

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ingest_measurement ADD COLUMN spare integer",
            "ALTER TABLE ingest_measurement DROP COLUMN spare",
        )
    ]
