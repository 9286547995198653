"""Index the column beside writers."""

from django.db import migrations


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("growing", "0002_fill")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS grown ON ingest_measurement (grown)",
            "DROP INDEX CONCURRENTLY IF EXISTS grown",
        )
    ]
