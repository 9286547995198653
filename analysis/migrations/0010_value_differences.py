"""SQL reads values stored as differences; see ``sql/0010_value_differences.sql``."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql" / "0010_value_differences.sql"


class Migration(migrations.Migration):
    dependencies = [
        ("analysis", "0009_divided_hours"),
        ("ingest", "0018_value_differences"),
    ]

    operations = [migrations.RunSQL(SQL.read_text(), migrations.RunSQL.noop)]
