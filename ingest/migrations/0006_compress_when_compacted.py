"""Blocks are stored plain by uploads and compressed by compaction: what is left to do is indexed."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('identities', '0002_staff_actions'),
        ('ingest', '0005_roll_certificates'),
    ]

    operations = [
        migrations.AddField(
            model_name='sampleblock',
            name='compacted',
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddIndex(
            model_name='sampleblock',
            index=models.Index(condition=models.Q(('compacted', False)), fields=['identity', 'name', 'hour'], name='block_to_compact'),
        ),
        # EXTERNAL keeps what is compressed already, as compaction hands it over, and compresses
        # nothing itself: two thirds of PostgreSQL's time in an upload went there.
        migrations.RunSQL(
            '''
            ALTER TABLE ingest_sampleblock
                ALTER COLUMN offsets_ms SET STORAGE EXTERNAL,
                ALTER COLUMN "values" SET STORAGE EXTERNAL
            ''',
            '''
            ALTER TABLE ingest_sampleblock
                ALTER COLUMN offsets_ms SET STORAGE EXTENDED,
                ALTER COLUMN "values" SET STORAGE EXTENDED
            ''',
        ),
    ]
