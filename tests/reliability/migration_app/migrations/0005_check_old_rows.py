"""Check the existing rows."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("migration_app", "0004_check")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ingest_measurement VALIDATE CONSTRAINT spare_positive",
            migrations.RunSQL.noop,
        )
    ]
