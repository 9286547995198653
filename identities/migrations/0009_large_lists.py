"""Indexes of the lists of studies; see ``sql/0009_large_lists.sql``."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("identities", "0008_provider_accounts")]

    operations = [migrations.RunSQL((SQL / "0009_large_lists.sql").read_text())]
