"""Who is to be watched, what was noticed and told, and certificates that were moved."""

import django.db.models.deletion
import django.utils.timezone
import ingest.identifiers
from django.db import migrations, models

NEWEST = """
CREATE FUNCTION ingest_series_newest(in_identity bigint)
RETURNS TABLE (name text, last_ms bigint)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    FOR name IN SELECT ingest_series_names(in_identity) LOOP
        SELECT b.last_ms INTO last_ms FROM ingest_sampleblock b
        WHERE b.identity_id = in_identity AND b.name = ingest_series_newest.name
        ORDER BY b.hour DESC, b.last_ms DESC LIMIT 1;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ingest_series_newest IS
'The series of an identity, each with the time of its newest sample, epoch milliseconds.';
"""


class Migration(migrations.Migration):

    dependencies = [
        ('identities', '0004_watched_identities'),
        ('ingest', '0011_withdraw_permission'),
    ]

    operations = [
        migrations.CreateModel(
            name='WatchRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AlterModelOptions(
            name='devicecertificate',
            options={'ordering': ['-bound_at'], 'permissions': [('move_devicecertificate', 'Can move a certificate to another identity')]},
        ),
        migrations.AddField(
            model_name='measurementtype',
            name='watch_grace',
            field=models.DurationField(blank=True, help_text='Added to it: 90s, 5m, 12h, 7d.', null=True, verbose_name='grace'),
        ),
        migrations.AddField(
            model_name='measurementtype',
            name='watch_interval',
            field=models.DurationField(blank=True, help_text="A series without one is told as late: 90s, 5m, 12h, 7d. Empty: not watched. An identity's own interval goes before this.", null=True, verbose_name='a sample at least every'),
        ),
        migrations.CreateModel(
            name='CertificateMove',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('by', models.CharField(max_length=150)),
                ('reason', models.CharField(max_length=200)),
                ('certificate', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='moves', to='ingest.devicecertificate')),
                ('moved_from', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='certificates_given', to='identities.identity')),
                ('moved_to', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='certificates_taken', to='identities.identity')),
            ],
            options={
                'ordering': ['-id'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('late', 'Late'), ('expiring', 'Expiring')], max_length=10)),
                ('name', models.CharField(blank=True, help_text='Empty: the identity as a whole.', max_length=64, verbose_name='series')),
                ('newest_ms', models.BigIntegerField(help_text='The newest sample.', null=True)),
                ('noticed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('seen_at', models.DateTimeField(help_text='When a file of it came last, if lately.', null=True)),
                ('catches_up', models.BooleanField(default=False, help_text='Files come, of older samples.')),
                ('begun_at', models.DateTimeField(help_text='From then on it counts as late; empty while it only catches up.', null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('outcome', models.CharField(blank=True, choices=[('', 'open'), ('recovered', 'Recovered'), ('unwatched', 'Unwatched')], default='', max_length=10)),
                ('certificate', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='incidents', to='ingest.devicecertificate')),
                ('identity', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='incidents', to='identities.identity')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.UUIDField(default=ingest.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('email', 'e-mail'), ('webhook', 'Webhook')], max_length=10)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('sent_at', models.DateTimeField(null=True)),
                ('given_up_at', models.DateTimeField(null=True)),
                ('last_error', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('given_up_at', None), ('sent_at', None)), fields=('channel',), name='notice_one_waiting_per_channel')],
            },
        ),
        migrations.CreateModel(
            name='NoticeItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('email', 'e-mail'), ('webhook', 'Webhook')], max_length=10)),
                ('event', models.CharField(choices=[('late', 'Late'), ('expiring', 'Expiring'), ('recovered', 'Recovered'), ('unwatched', 'Unwatched')], max_length=10)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='told', to='ingest.incident')),
                ('notice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='ingest.notice')),
            ],
            options={
                'ordering': ['id'],
                'default_permissions': (),
            },
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['ended_at'], name='incident_ended'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None), ('kind', 'late')), fields=('identity', 'name'), name='incident_late_once_per_series'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None), ('kind', 'expiring')), fields=('certificate',), name='incident_expiring_once_per_certificate'),
        ),
        migrations.AddConstraint(
            model_name='noticeitem',
            constraint=models.UniqueConstraint(fields=('incident', 'channel', 'event'), name='notice_item_told_once'),
        ),
        migrations.RunSQL(NEWEST, "DROP FUNCTION ingest_series_newest(bigint);"),
    ]
