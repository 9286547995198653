"""Hold new rows to a check."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("growing", "0003_index")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ingest_measurement"
            " ADD CONSTRAINT grown_positive CHECK (grown > 0) NOT VALID",
            "ALTER TABLE ingest_measurement DROP CONSTRAINT grown_positive",
        )
    ]
