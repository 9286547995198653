"""LOINC codes of columns, and whether a measurement type refuses repeated times."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0002_interrupted_upload'),
    ]

    operations = [
        migrations.AddField(
            model_name='measurementtype',
            name='column_loincs',
            field=models.CharField(blank=True, db_default='', default='', help_text='One for each column, separated by commas: 8480-6, 8462-4 are systolic and diastolic pressure. Empty: the columns are the dimensions of one measurement.', max_length=2048, validators=[django.core.validators.RegexValidator('\\A[0-9]{1,7}-[0-9](?:, ?[0-9]{1,7}-[0-9]){1,62}\\Z', 'One code for each column, by commas.')], verbose_name='LOINC codes of the columns'),
        ),
        migrations.AddField(
            model_name='measurementtype',
            name='refuse_repeated_times',
            field=models.BooleanField(db_default=False, default=False, help_text='Reject a file in which a column has two values at one time. Otherwise the last value is kept, and the receipt counts the others as repeated.', verbose_name='refuse repeated times'),
        ),
    ]
