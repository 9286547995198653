"""Labels of the times of refusals; nothing changes in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0016_register'),
    ]

    operations = [
        migrations.AlterField(
            model_name='strangerrefusal',
            name='at',
            field=models.DateTimeField(db_index=True, verbose_name='time'),
        ),
        migrations.AlterField(
            model_name='strangerrefusal',
            name='first_at',
            field=models.DateTimeField(verbose_name='first time'),
        ),
    ]
