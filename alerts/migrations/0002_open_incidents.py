"""Index of the open incidents, in the order of their list."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("alerts", "0001_initial")]

    operations = [
        migrations.RunSQL("CREATE INDEX incident_open ON alerts_incident (id) WHERE ended_at IS NULL")
    ]
