"""Statistics of local days in SQL, and the page of compliance."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("analysis", "0002_block_encodings"),
        ("ingest", "0005_hour_summaries"),
    ]

    operations = [
        migrations.RunSQL((SQL / "0003_days.sql").read_text(), migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Compliance",
            fields=[],
            options={
                "verbose_name": "compliance",
                "verbose_name_plural": "compliance",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("identities.identity",),
        ),
    ]
