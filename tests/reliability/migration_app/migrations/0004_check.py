"""Check new rows."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("migration_app", "0003_index")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ingest_measurement"
            " ADD CONSTRAINT spare_positive CHECK (spare > 0) NOT VALID",
            "ALTER TABLE ingest_measurement DROP CONSTRAINT spare_positive",
        )
    ]
