"""Fill the column in batches, each a transaction of its own."""

from django.db import migrations

BATCH = """
UPDATE ingest_measurement SET grown = samples WHERE id IN (
    SELECT id FROM ingest_measurement WHERE grown IS NULL LIMIT 50 FOR UPDATE SKIP LOCKED
)
"""


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for _ in range(20):  # devices go on adding to it
            cursor.execute(BATCH)


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("growing", "0001_column")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
