"""Summaries of hours, written by compaction; see ``sql/0005_hour_summaries.sql``."""

from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):

    dependencies = [
        ('identities', '0001_initial'),
        ('ingest', '0004_remarkable_files'),
    ]

    operations = [
        migrations.CreateModel(
            name='HourSummary',
            fields=[
                ('pk', models.CompositePrimaryKey('identity_id', 'name', 'hour', blank=True, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64)),
                ('hour', models.IntegerField(help_text='Hours since 1970-01-01T00:00Z.')),
                ('sample_count', models.IntegerField()),
                ('covered_ms', models.IntegerField(help_text='The time that the samples stand for.')),
                ('first_offset_ms', models.IntegerField()),
                ('last_offset_ms', models.IntegerField()),
                ('step_us', models.BigIntegerField(help_text='Median time between two samples.', null=True)),
                ('gap_from_ms', models.IntegerField(help_text='Longest time without a sample.', null=True)),
                ('gap_to_ms', models.IntegerField(null=True)),
                ('minimum', models.FloatField()),
                ('maximum', models.FloatField()),
                ('mean', models.FloatField()),
                ('m2', models.FloatField(help_text='Sum of squared deviations from the mean.')),
                ('bin_samples', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), help_text='Samples in each 5 minutes.', size=None)),
                ('bin_covered_ms', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('bin_means', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), null=True, size=None)),
                ('sketch_is_exact', models.BooleanField(default=False)),
                ('sketch_first', models.IntegerField(null=True)),
                ('sketch', django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), null=True, size=None)),
                ('identity', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identities.identity')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.RunSQL((SQL / "0005_hour_summaries.sql").read_text(), migrations.RunSQL.noop),
    ]
