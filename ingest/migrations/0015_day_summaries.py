"""Summaries of days, written by compaction; see ``sql/0015_day_summaries.sql``."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql" / "0015_day_summaries.sql"


class Migration(migrations.Migration):

    dependencies = [
        ('identities', '0005_study_intervals'),
        ('ingest', '0014_device_contacts'),
    ]

    operations = [
        migrations.CreateModel(
            name='DaySummary',
            fields=[
                ('pk', models.CompositePrimaryKey('identity_id', 'name', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64)),
                ('day', models.IntegerField(help_text='Days since 1970-01-01.')),
                ('hours', models.BinaryField(help_text='Rows of numbers, one for each hour with samples.')),
                ('sketch_is_exact', models.BooleanField()),
                ('sketch_first', models.IntegerField()),
                ('sketch', models.BinaryField(help_text='Numbers of 16 bits, of all samples of the day.')),
                ('identity', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='identities.identity')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.RunSQL(SQL.read_text(), migrations.RunSQL.noop),
    ]
