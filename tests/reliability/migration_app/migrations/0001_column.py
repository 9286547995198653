"""Add a column that the running release does not know."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = []

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ingest_measurement ADD COLUMN grown integer",
            "ALTER TABLE ingest_measurement DROP COLUMN grown",
        )
    ]
