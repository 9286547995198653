"""Decode the shorter forms of blocks in SQL."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql" / "0002_block_encodings.sql"


class Migration(migrations.Migration):
    dependencies = [
        ("analysis", "0001_initial"),
        ("ingest", "0007_block_encodings"),
    ]

    operations = [migrations.RunSQL(SQL.read_text())]
