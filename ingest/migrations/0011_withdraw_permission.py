"""Withdrawing a file is a permission of its own, to be granted to whom an admin trusts with it."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("ingest", "0010_look_up_by_identity")]

    operations = [
        migrations.AlterModelOptions(
            name="measurement",
            options={
                "ordering": ["-id"],
                "permissions": [("withdraw_measurement", "Can withdraw measurement")],
            },
        ),
    ]
