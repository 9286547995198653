"""``analytics.days`` of a year in about a second; see ``sql/0008_faster_days.sql``."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql" / "0008_faster_days.sql"


class Migration(migrations.Migration):
    dependencies = [("analysis", "0007_study_objects")]

    operations = [migrations.RunSQL(SQL.read_text(), migrations.RunSQL.noop)]
