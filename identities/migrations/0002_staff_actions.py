"""The audit trail, and the trigger that keeps it as it is."""

import django.utils.timezone
from django.db import migrations, models


# TRUNCATE is the table owner's alone, as dropping the trigger is.
KEEP = """
CREATE FUNCTION identities_keep_staff_actions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER identities_staffaction_append_only
    BEFORE UPDATE OR DELETE ON identities_staffaction
    FOR EACH STATEMENT EXECUTE FUNCTION identities_keep_staff_actions();
"""
DO_NOT_KEEP = """
DROP TRIGGER identities_staffaction_append_only ON identities_staffaction;
DROP FUNCTION identities_keep_staff_actions();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('identities', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='StaffAction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('username', models.CharField(blank=True, max_length=150)),
                ('user_number', models.BigIntegerField(null=True)),
                ('action', models.CharField(choices=[('login', 'Login'), ('logout', 'Logout'), ('login failed', 'Login Failed'), ('locked out', 'Locked Out'), ('second factor failed', 'Second Factor Failed'), ('add', 'Add'), ('change', 'Change'), ('delete', 'Delete'), ('noted', 'Noted'), ('export', 'Export')], max_length=24)),
                ('object_type', models.CharField(blank=True, max_length=100)),
                ('object_number', models.CharField(blank=True, max_length=64)),
                ('object_text', models.CharField(blank=True, max_length=200, verbose_name='object')),
                ('changes', models.JSONField(blank=True, default=dict, help_text='Each field with its old and its new value; no secrets.')),
                ('address', models.GenericIPAddressField(null=True)),
                ('request_id', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'ordering': ['-id'],
                'default_permissions': (),
                'indexes': [models.Index(fields=['object_type', 'object_number'], name='action_object')],
            },
        ),
        migrations.RunSQL(KEEP, DO_NOT_KEEP),
    ]
