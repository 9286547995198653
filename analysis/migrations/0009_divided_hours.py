"""``analytics.days`` of zones with half hours; see ``sql/0009_divided_hours.sql``."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql" / "0009_divided_hours.sql"


class Migration(migrations.Migration):
    dependencies = [("analysis", "0008_faster_days")]

    operations = [migrations.RunSQL(SQL.read_text(), migrations.RunSQL.noop)]
