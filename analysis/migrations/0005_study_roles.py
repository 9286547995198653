"""Database roles of studies, and the schema ``analytics_study`` that they read."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models


SQL = Path(__file__).resolve().parent.parent / "sql" / "study_views.sql"
DROP = "DROP SCHEMA analytics_study CASCADE"


class Migration(migrations.Migration):

    dependencies = [
        ('analysis', '0004_samples_filter'),
        ('identities', '0002_studies'),
    ]

    operations = [
        migrations.CreateModel(
            name='StudyRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(max_length=63, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('study', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='identities.study')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.RunSQL(SQL.read_text(), DROP),
    ]
