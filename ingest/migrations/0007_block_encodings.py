"""Store blocks in shorter forms, and all blocks of a file by one parameter."""

from pathlib import Path

import django.contrib.postgres.fields
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql" / "0007_store_file.sql"


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0006_series'),
    ]

    operations = [
        migrations.AddField(
            model_name='sampleblock',
            name='integers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='sampleblock',
            name='scale',
            field=models.SmallIntegerField(help_text='Values are integers divided by this power of ten; empty: doubles.', null=True),
        ),
        migrations.AddField(
            model_name='sampleblock',
            name='small_integers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='sampleblock',
            name='time_steps',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), null=True, size=None),
        ),
        migrations.AlterField(
            model_name='sampleblock',
            name='offsets',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True, size=None),
        ),
        migrations.AlterField(
            model_name='sampleblock',
            name='values',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), null=True, size=None),
        ),
        migrations.RunSQL(SQL.read_text()),
    ]
