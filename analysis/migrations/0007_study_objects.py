"""The rest of ``analytics`` for the roles of studies; see ``sql/0007_study_objects.sql``."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
DROP = """
DROP FUNCTION analytics_study.series_interval(text, text);
DROP VIEW analytics_study.measurement_types, analytics_study.hour_summaries;
"""


class Migration(migrations.Migration):
    dependencies = [("analysis", "0006_annotation")]

    operations = [migrations.RunSQL((SQL / "0007_study_objects.sql").read_text(), DROP)]
