"""Index the column concurrently with writers."""

from django.db import migrations


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("migration_app", "0002_fill")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS spare ON ingest_measurement (spare)",
            "DROP INDEX CONCURRENTLY IF EXISTS spare",
        )
    ]
