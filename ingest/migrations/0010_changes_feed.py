"""The changes feed: the transaction of each stored file, and rows of maintenance."""

from pathlib import Path

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.utils.timezone
from django.db import migrations, models


SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):

    dependencies = [
        ('identities', '0001_initial'),
        ('ingest', '0009_recompression'),
    ]

    operations = [
        migrations.RunSQL(
            (SQL / "0010_transaction_number.sql").read_text(),
            "DROP FUNCTION ingest_transaction(uuid); DROP FUNCTION ingest_transaction(bigint)",
        ),
        migrations.CreateModel(
            name='SeriesChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identity_number', models.BigIntegerField(help_text='The number that the identity has or had.')),
                ('name', models.CharField(help_text='Empty: each series of the identity.', max_length=64)),
                ('kind', models.CharField(choices=[('replaced', 'Replaced'), ('withdrawn', 'Withdrawn'), ('erased', 'Erased'), ('reparsed', 'Reparsed'), ('entered', 'Entered a study'), ('left', 'Left a study')], max_length=10)),
                ('from_ms', models.BigIntegerField()),
                ('to_ms', models.BigIntegerField(help_text='The first millisecond after the range.')),
                ('measurement_id', models.UUIDField(null=True)),
                ('studies', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, help_text='The study entered or left; of an erasure, those of the identity then.', size=None)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('transaction', models.GeneratedField(db_persist=True, expression=models.Func(models.F('id'), function='ingest_transaction'), output_field=models.BigIntegerField())),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='measurement',
            name='transaction',
            field=models.GeneratedField(db_persist=True, expression=models.Func(models.F('id'), function='ingest_transaction'), output_field=models.BigIntegerField()),
        ),
        migrations.AddIndex(
            model_name='measurement',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['transaction', 'sequence'], name='measurement_transaction', opclasses=['int8_minmax_multi_ops', 'int8_minmax_multi_ops'], pages_per_range=64),
        ),
        migrations.AddIndex(
            model_name='serieschange',
            index=models.Index(fields=['transaction', 'id'], name='series_change_transaction'),
        ),
    ]
