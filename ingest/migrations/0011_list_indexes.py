"""Indexes of lists and searches; see ``sql/0011_list_indexes.sql``."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("identities", "0003_list_indexes"), ("ingest", "0010_changes_feed")]

    operations = [migrations.RunSQL((SQL / "0011_list_indexes.sql").read_text())]
