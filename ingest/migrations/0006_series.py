"""The table of series, filled from the stored blocks and kept by ``ingest_store_file``."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models


SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):

    dependencies = [
        ('identities', '0001_initial'),
        ('ingest', '0005_hour_summaries'),
    ]

    operations = [
        migrations.CreateModel(
            name='Series',
            fields=[
                ('pk', models.CompositePrimaryKey('identity_id', 'name', blank=True, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64)),
                ('identity', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='series', to='identities.identity')),
            ],
            options={
                'verbose_name_plural': 'series',
                'default_permissions': (),
                'indexes': [models.Index(fields=['name', 'identity'], name='series_by_name')],
            },
        ),
        migrations.RunSQL((SQL / "0006_series.sql").read_text()),
    ]
