"""Proxy models of the staff site and the SQL schema ``analytics``."""

from pathlib import Path

from django.db import migrations


SQL = Path(__file__).resolve().parent.parent / "sql"


def run_file(name: str) -> migrations.RunSQL:
    """Return the operation that runs ``sql/NAME``."""
    return migrations.RunSQL((SQL / name).read_text())


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("identities", "0001_initial"),
        ("ingest", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Overview",
            fields=[],
            options={
                "verbose_name": "overview",
                "verbose_name_plural": "overview",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("identities.identity",),
        ),
        migrations.CreateModel(
            name="Series",
            fields=[],
            options={
                "verbose_name": "series",
                "verbose_name_plural": "series",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("ingest.sampleblock",),
        ),
        run_file("blocks.sql"),
        run_file("views.sql"),
        run_file("functions.sql"),
    ]
