"""Studies, and who sees them. Whoever saw identities goes on to see those of all studies."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import identities.studies
from django.conf import settings
from django.db import migrations, models


PERMISSION = ("view_all_identities", "Can view the identities of all studies")
# Of Django and of the packages that it uses: their rows belong to no identity.
OTHERS = ("admin", "auth", "axes", "contenttypes", "sessions", "otp_totp", "otp_static")


def keep_sight(apps, schema_editor):
    """Give the new permission to every group and user with a permission on rows of identities."""
    groups = apps.get_model("auth", "Group").objects
    users = apps.get_model("auth", "User").objects
    ours = apps.get_model("auth", "Permission").objects.exclude(
        content_type__app_label__in=OTHERS
    )
    seeing = [
        *groups.filter(permissions__in=ours).distinct(),
        *users.filter(user_permissions__in=ours).distinct(),
    ]
    if not seeing:
        return  # a new installation
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="identities", model="identity"
    )
    codename, name = PERMISSION
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type, codename=codename, defaults={"name": name}
    )
    for one in seeing:
        held = one.permissions if hasattr(one, "permissions") else one.user_permissions
        held.add(permission)


class Migration(migrations.Migration):

    dependencies = [
        ('identities', '0001_initial'),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Study',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Unique, whatever its case.', max_length=100, validators=[django.core.validators.RegexValidator('\\A[^\\s\\x00-\\x1f\\x7f](?:[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f])?\\Z', 'One line, without white space at its ends.')])),
                ('description', models.TextField(blank=True)),
                ('time_zone', models.CharField(default='UTC', help_text='Whose days its participants live: Europe/Vienna.', max_length=64, validators=[identities.studies.validate_time_zone], verbose_name='time zone')),
                ('is_active', models.BooleanField(default=True, help_text='An inactive study enrols no more devices. Registered devices go on.', verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name_plural': 'studies',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='StudyIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('participant_code', models.CharField(blank=True, help_text="The participant's code in the study; unique in it.", max_length=64, validators=[django.core.validators.RegexValidator('\\A[\\x20-\\x7e]*\\Z', 'Printable ASCII characters only.')], verbose_name='participant code')),
                ('starts_on', models.DateField(blank=True, null=True, verbose_name='starts on')),
                ('ends_on', models.DateField(blank=True, help_text='The last day of the participation.', null=True, verbose_name='ends on')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name': 'participation',
                'verbose_name_plural': 'participations',
                'ordering': ['study', 'identity'],
            },
        ),
        migrations.CreateModel(
            name='StudyMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('viewer', 'viewer'), ('data manager', 'data manager'), ('study admin', 'study admin')], default='viewer', max_length=12, verbose_name='role')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name': 'study member',
                'verbose_name_plural': 'study members',
                'ordering': ['study', 'user'],
            },
        ),
        migrations.AlterModelOptions(
            name='identity',
            options={'ordering': ['name'], 'permissions': [('view_all_identities', 'Can view the identities of all studies')], 'verbose_name_plural': 'identities'},
        ),
        migrations.AddField(
            model_name='accesstoken',
            name='study_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, editable=False, help_text='The studies that it reads; null: all that its user sees.', null=True, size=None),
        ),
        migrations.AddField(
            model_name='auditevent',
            name='study_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], default=list, editable=False, help_text='The studies in which all identities of the event were at its time.', size=None),
        ),
        migrations.AlterConstraint(
            model_name='identity',
            name='identity_name_unique_without_case',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('name'), name='identity_name_unique_without_case', violation_error_message='This name is not available.'),
        ),
        migrations.AddField(
            model_name='study',
            name='parent',
            field=models.ForeignKey(blank=True, help_text='The study that this one is a site of. Its members see this site too.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sites', to='identities.study'),
        ),
        migrations.AddField(
            model_name='studyidentity',
            name='identity',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='participations', to='identities.identity'),
        ),
        migrations.AddField(
            model_name='studyidentity',
            name='study',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='participants', to='identities.study'),
        ),
        migrations.AddField(
            model_name='study',
            name='identities',
            field=models.ManyToManyField(related_name='studies', through='identities.StudyIdentity', to='identities.identity'),
        ),
        migrations.AddField(
            model_name='studymember',
            name='study',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='identities.study'),
        ),
        migrations.AddField(
            model_name='studymember',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='study_memberships', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='studyidentity',
            constraint=models.UniqueConstraint(fields=('identity', 'study'), name='study_identity_once', violation_error_message='It takes part in this study already.'),
        ),
        migrations.AddConstraint(
            model_name='studyidentity',
            constraint=models.UniqueConstraint(models.F('study'), django.db.models.functions.text.Lower('participant_code'), condition=models.Q(('participant_code', ''), _negated=True), name='study_participant_code_unique', violation_error_message='Another participant of this study has this code.'),
        ),
        migrations.AddConstraint(
            model_name='studyidentity',
            constraint=models.CheckConstraint(condition=models.Q(('starts_on', None), ('ends_on', None), ('starts_on__lte', models.F('ends_on')), _connector='OR'), name='study_identity_starts_before_it_ends', violation_error_message='The participation ends before it starts.'),
        ),
        migrations.AddConstraint(
            model_name='study',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('name'), name='study_name_unique_without_case', violation_error_message='This name is not available.'),
        ),
        migrations.AddConstraint(
            model_name='study',
            constraint=models.CheckConstraint(condition=models.Q(('parent', None), models.Q(('parent', models.F('id')), _negated=True), _connector='OR'), name='study_not_its_own_parent'),
        ),
        migrations.AddConstraint(
            model_name='studymember',
            constraint=models.UniqueConstraint(fields=('user', 'study'), name='study_member_once', violation_error_message='This user is a member of the study already.'),
        ),
        migrations.RunPython(keep_sight, migrations.RunPython.noop),
    ]
