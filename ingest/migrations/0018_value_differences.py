"""A column for values as differences of one byte, which compaction writes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0017_refusal_labels'),
    ]

    operations = [
        migrations.AddField(
            model_name='sampleblock',
            name='differences',
            field=models.BinaryField(null=True),
        ),
    ]
