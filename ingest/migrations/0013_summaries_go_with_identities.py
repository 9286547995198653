"""Delete the summaries of an identity together with it, as its series are."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('identities', '0005_study_intervals'),
        ('ingest', '0012_study_retention'),
    ]

    operations = [
        migrations.AlterField(
            model_name='hoursummary',
            name='identity',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='identities.identity'),
        ),
    ]
