"""The index of a study's audit events; made without locking the audit log."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("identities", "0006_study_recipients")]

    operations = [
        AddIndexConcurrently(
            model_name="auditevent",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["study_ids"], name="audit_event_studies"
            ),
        ),
    ]
