"""The usual registration as one statement; see ``sql/0016_register.sql``."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql" / "0016_register.sql"


class Migration(migrations.Migration):

    dependencies = [
        ("identities", "0005_study_intervals"),
        ("ingest", "0015_day_summaries"),
    ]

    operations = [
        migrations.RunSQL(SQL.read_text(), "DROP FUNCTION ingest_register_new"),
    ]
