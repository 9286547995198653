"""Find the files of a time without reading the whole series, made while devices send."""

from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("ingest", "0013_newest_certificates_first")]

    operations = [
        AddIndexConcurrently(
            "measurement",
            BrinIndex(
                autosummarize=True,
                fields=["first_ms", "last_ms"],
                name="measurement_times",
                pages_per_range=32,
            ),
        ),
    ]
