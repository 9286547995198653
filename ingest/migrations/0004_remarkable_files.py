"""Index of the files of which not every value is kept, or that changed stored values."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # files are stored while the index is built

    dependencies = [
        ("ingest", "0003_column_codes"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="measurement",
            index=models.Index(
                fields=["identity", "id"],
                name="measurement_remarkable",
                condition=models.Q(replaced__gt=0)
                | models.Q(repeated__gt=0)
                | models.Q(rounded__gt=0),
            ),
        ),
    ]
