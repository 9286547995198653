"""The view of samples refuses a filter on time alone; see ``sql/0004_samples_filter.sql``."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("analysis", "0003_days")]

    operations = [migrations.RunSQL((SQL / "0004_samples_filter.sql").read_text())]
