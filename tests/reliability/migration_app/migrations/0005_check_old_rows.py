"""Hold the rows that are there to it too."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("growing", "0004_check")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE ingest_measurement VALIDATE CONSTRAINT grown_positive",
            migrations.RunSQL.noop,
        )
    ]
