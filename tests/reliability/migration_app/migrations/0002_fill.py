"""Fill the column in batches, each a transaction of its own."""

from django.db import migrations

FILL_BATCH = """
UPDATE ingest_measurement SET spare = samples WHERE id IN (
    SELECT id FROM ingest_measurement WHERE spare IS NULL LIMIT 50 FOR UPDATE SKIP LOCKED
)
"""


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for _ in range(20):  # devices keep adding rows
            cursor.execute(FILL_BATCH)


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("migration_app", "0001_column")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
