"""Certificates, measurement files, blocks of samples and what maintenance records."""

from pathlib import Path

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import ingest.uuid7
from django.db import migrations, models


SQL = Path(__file__).resolve().parent.parent / "sql"


def run_file(name: str) -> migrations.RunSQL:
    """Return the operation that runs ``sql/NAME``."""
    return migrations.RunSQL((SQL / name).read_text())


# What the simulated devices and common wrist bands send.
MEASUREMENT_TYPES = (
    {
        "pattern": "hr*",
        "label": "Heart rate",
        "unit": "/min",
        "loinc": "8867-4",
        "plausible_low": 20,
        "plausible_high": 250,
    },
    {
        "pattern": "hr_measurement",
        "label": "Heart rate",
        "unit": "/min",
        "loinc": "8867-4",
        "plausible_low": 20,
        "plausible_high": 250,
    },
    {
        "pattern": "ibi*",
        "label": "Interbeat interval",
        "unit": "ms",
        "plausible_low": 240,
        "plausible_high": 3000,
    },
)


def create_measurement_types(apps, schema_editor):
    """Create the measurement types that a new installation starts with."""
    types = apps.get_model("ingest", "MeasurementType")
    types.objects.using(schema_editor.connection.alias).bulk_create(
        types(**fields) for fields in MEASUREMENT_TYPES
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("identities", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="DailyUsage",
            fields=[
                (
                    "identity",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="daily_usage",
                        serialize=False,
                        to="identities.identity",
                    ),
                ),
                ("day", models.DateField()),
                ("bytes", models.PositiveBigIntegerField()),
                (
                    "refused",
                    models.PositiveIntegerField(
                        db_default=0, help_text="Refused requests of that day."
                    ),
                ),
                ("refused_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "daily usage",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DataDeletion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("prune", "Retention"), ("forget", "Erasure")], max_length=10
                    ),
                ),
                (
                    "identity_number",
                    models.BigIntegerField(help_text="The number that the identity has or had."),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                ("created_by", models.CharField(max_length=150)),
                ("reference", models.CharField(blank=True, max_length=200)),
                (
                    "before_ms",
                    models.BigIntegerField(help_text="Only samples before this time.", null=True),
                ),
                ("files", models.PositiveBigIntegerField(default=0)),
                ("file_bytes", models.PositiveBigIntegerField(default=0)),
                ("blocks", models.PositiveBigIntegerField(default=0)),
                ("samples", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="MeasurementType",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "pattern",
                    models.CharField(
                        help_text="A measurement's name, or a prefix of names followed by *: hr*",
                        max_length=65,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\\*?\\Z",
                                "A name as devices send it, or a prefix followed by *.",
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "label",
                    models.CharField(
                        help_text="The name in charts and exports: Heart rate", max_length=80
                    ),
                ),
                (
                    "unit",
                    models.CharField(
                        blank=True,
                        help_text="UCUM code of the unit: /min, ms, Cel, mm[Hg], %",
                        max_length=40,
                    ),
                ),
                (
                    "columns",
                    models.CharField(
                        blank=True,
                        help_text="Names of the value columns of a file without a header line: x, y, z. Files that are stored already keep their names.",
                        max_length=2048,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9][A-Za-z0-9_-]{0,31}(?:, ?[A-Za-z0-9][A-Za-z0-9_-]{0,31}){1,62}\\Z",
                                "Two or more names, each 1 to 32 of A-Z a-z 0-9 _ -, separated by commas.",
                            )
                        ],
                    ),
                ),
                (
                    "column_units",
                    models.CharField(
                        blank=True,
                        help_text="UCUM code of each column's unit, separated by commas. Empty: the unit.",
                        max_length=2048,
                    ),
                ),
                (
                    "loinc",
                    models.CharField(
                        blank=True,
                        help_text="Required to export as FHIR: 8867-4 is heart rate.",
                        max_length=10,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[0-9]{1,7}-[0-9]\\Z", "Digits, a hyphen and one digit."
                            )
                        ],
                        verbose_name="LOINC code",
                    ),
                ),
                (
                    "plausible_low",
                    models.FloatField(
                        blank=True,
                        help_text="Lower values are marked as implausible, never dropped.",
                        null=True,
                    ),
                ),
                (
                    "plausible_high",
                    models.FloatField(
                        blank=True, help_text="Higher values are marked as implausible.", null=True
                    ),
                ),
                (
                    "expected_interval_s",
                    models.FloatField(
                        blank=True,
                        help_text="Seconds between samples while a device is worn. Empty: estimated from the samples.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0.001)],
                        verbose_name="expected interval (s)",
                    ),
                ),
                (
                    "reporting_interval",
                    models.DurationField(
                        blank=True,
                        help_text="A series without a new sample for longer is overdue: 90s, 5m, 12h, 7d. Empty: not monitored. The interval of an identity takes precedence.",
                        null=True,
                        verbose_name="reporting interval",
                    ),
                ),
                (
                    "grace_period",
                    models.DurationField(
                        blank=True,
                        help_text="Added to the reporting interval: 90s, 5m, 12h, 7d.",
                        null=True,
                        verbose_name="grace period",
                    ),
                ),
            ],
            options={
                "ordering": ["pattern"],
            },
        ),
        migrations.CreateModel(
            name="DeviceCertificate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.BinaryField(max_length=32, unique=True, verbose_name="SHA-256")),
                ("der", models.BinaryField()),
                ("subject", models.TextField(blank=True)),
                ("key_type", models.CharField(max_length=40)),
                ("not_before", models.DateTimeField()),
                ("not_after", models.DateTimeField()),
                (
                    "label",
                    models.CharField(blank=True, help_text="Which device this is.", max_length=200),
                ),
                ("bound_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "retires_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Refused from then on, since a newer certificate supersedes it.",
                        null=True,
                    ),
                ),
                (
                    "first_seen_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="The first accepted request other than the registration.",
                        null=True,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("suspended", "Suspended"),
                            ("revoked", "Revoked"),
                        ],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("state_reason", models.CharField(blank=True, max_length=200)),
                (
                    "bound_with",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="certificates",
                        to="identities.presharedkey",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="certificates",
                        to="identities.identity",
                    ),
                ),
                (
                    "replaces",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replaced_by",
                        to="ingest.devicecertificate",
                    ),
                ),
            ],
            options={
                "ordering": ["-bound_at"],
                "permissions": [("reassign_devicecertificate", "Can reassign a certificate")],
            },
        ),
        migrations.CreateModel(
            name="CertificateRenewal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "key",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="renewal",
                        to="identities.presharedkey",
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="renewals",
                        to="ingest.devicecertificate",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CertificateReassignment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("created_by", models.CharField(max_length=150)),
                ("reason", models.CharField(max_length=200)),
                (
                    "from_identity",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="identities.identity",
                    ),
                ),
                (
                    "to_identity",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="identities.identity",
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reassignments",
                        to="ingest.devicecertificate",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Measurement",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=ingest.uuid7.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("filename", models.CharField(blank=True, max_length=255)),
                ("content_type", models.CharField(blank=True, max_length=100)),
                ("size", models.PositiveIntegerField(help_text="Bytes of the file.")),
                ("sha256", models.BinaryField(max_length=32, verbose_name="SHA-256")),
                (
                    "content",
                    models.BinaryField(help_text="The file, byte for byte, as one zstd frame."),
                ),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "sequence",
                    models.BigIntegerField(
                        default=0,
                        help_text="Order in which the files of a series are overlaid, independent of clocks.",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("stored", "Stored"),
                            ("rejected", "Rejected"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        max_length=10,
                    ),
                ),
                ("errors", models.JSONField(null=True)),
                (
                    "columns",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32),
                        help_text="Names of the value columns, empty for a single one.",
                        null=True,
                        size=None,
                    ),
                ),
                (
                    "series",
                    models.JSONField(
                        help_text="The counts of each column's series, empty for a single column.",
                        null=True,
                    ),
                ),
                ("lines", models.PositiveIntegerField(default=0)),
                ("samples", models.PositiveIntegerField(default=0)),
                ("new", models.PositiveIntegerField(default=0)),
                ("identical", models.PositiveIntegerField(default=0)),
                ("replaced", models.PositiveIntegerField(default=0)),
                ("repeated", models.PositiveIntegerField(default=0)),
                ("rounded", models.PositiveIntegerField(default=0)),
                ("first_ms", models.BigIntegerField(null=True)),
                ("last_ms", models.BigIntegerField(null=True)),
                (
                    "certificate",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="measurements",
                        to="ingest.devicecertificate",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="measurements",
                        to="identities.identity",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "permissions": [("withdraw_measurement", "Can withdraw measurement")],
            },
        ),
        migrations.CreateModel(
            name="PruneWatermark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("sequence", models.BigIntegerField()),
                ("before_ms", models.BigIntegerField()),
                (
                    "identity",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="identities.identity",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RegistrationAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("registered", "Registered"),
                            ("already_bound", "Already registered"),
                            ("psk_malformed", "Mistyped: not a pre-shared key"),
                            ("psk_unknown", "Pre-shared key unknown"),
                            ("psk_expired", "Pre-shared key expired"),
                            ("psk_exhausted", "Pre-shared key exhausted"),
                            ("psk_revoked", "Pre-shared key revoked"),
                            ("identity_inactive", "Identity inactive"),
                            (
                                "certificate_bound_elsewhere",
                                "Certificate bound to another identity",
                            ),
                            ("certificate_suspended", "Certificate suspended"),
                            ("certificate_revoked", "Certificate revoked"),
                            ("certificates_used_up", "Certificate quota exhausted"),
                            ("renewal_closed", "Renewal key of a certificate that may not renew"),
                            ("certificate_missing", "No client certificate"),
                            ("certificate_expired", "Certificate expired"),
                            ("certificate_not_yet_valid", "Certificate not valid yet"),
                            ("certificate_unacceptable", "Certificate unacceptable"),
                            ("throttled", "Too many attempts"),
                        ],
                        max_length=40,
                    ),
                ),
                ("sha256", models.BinaryField(max_length=32, null=True, verbose_name="SHA-256")),
                ("psk_hint", models.CharField(blank=True, max_length=16, verbose_name="PSK hint")),
                ("address", models.GenericIPAddressField(null=True)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                (
                    "count",
                    models.PositiveIntegerField(
                        default=1, help_text="Throttled attempts of one minute share a row."
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="attempts",
                        to="identities.identity",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="RetentionPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "keep_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: everything is kept.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "identity",
                    models.OneToOneField(
                        blank=True,
                        db_constraint=False,
                        help_text="Empty: all identities without a policy of their own.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="retention",
                        to="identities.identity",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "retention policies",
                "ordering": ["identity__name"],
            },
        ),
        migrations.CreateModel(
            name="SampleBlock",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=ingest.uuid7.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("hour", models.IntegerField(help_text="Hours since 1970-01-01T00:00Z.")),
                ("first_ms", models.BigIntegerField()),
                ("last_ms", models.BigIntegerField()),
                ("sample_count", models.PositiveIntegerField()),
                ("minimum", models.FloatField()),
                ("maximum", models.FloatField()),
                ("total", models.FloatField(help_text="Sum of the values.")),
                (
                    "offsets",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), size=None
                    ),
                ),
                (
                    "values",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.FloatField(), size=None
                    ),
                ),
                ("encoding", models.SmallIntegerField(default=1)),
                ("compacted", models.BooleanField(db_default=False)),
                (
                    "identity",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="blocks",
                        to="identities.identity",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SampleConflict",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                (
                    "measurement_id",
                    models.UUIDField(help_text="The latest file that replaced samples."),
                ),
                ("files", models.PositiveIntegerField(default=1)),
                (
                    "replaced",
                    models.PositiveBigIntegerField(help_text="Samples, of all these files."),
                ),
                ("first_ms", models.BigIntegerField()),
                ("last_ms", models.BigIntegerField()),
                ("first_detected_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_detected_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "certificate",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="conflicts_won",
                        to="ingest.devicecertificate",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="conflicts",
                        to="identities.identity",
                    ),
                ),
                (
                    "replaced_certificate",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="conflicts_lost",
                        to="ingest.devicecertificate",
                    ),
                ),
            ],
            options={
                "ordering": ["-last_detected_at"],
            },
        ),
        migrations.CreateModel(
            name="Withdrawal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("created_by", models.CharField(max_length=150)),
                ("reason", models.CharField(max_length=500)),
                (
                    "measurement",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="withdrawal",
                        to="ingest.measurement",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.AddIndex(
            model_name="devicecertificate",
            index=models.Index(fields=["-bound_at", "-id"], name="certificate_bound_at"),
        ),
        migrations.AddIndex(
            model_name="measurement",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True,
                fields=["first_ms", "last_ms"],
                name="measurement_times",
                pages_per_range=32,
            ),
        ),
        migrations.AddIndex(
            model_name="measurement",
            index=models.Index(
                condition=models.Q(("status", "rejected")),
                fields=["identity", "id"],
                name="measurement_rejected",
            ),
        ),
        migrations.AddConstraint(
            model_name="measurement",
            constraint=models.UniqueConstraint(
                fields=("identity", "name", "sha256"), name="measurement_once_per_identity_and_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="prunewatermark",
            constraint=models.UniqueConstraint(
                fields=("identity", "name", "sequence"), name="prune_watermark_once_per_sequence"
            ),
        ),
        migrations.AddIndex(
            model_name="registrationattempt",
            index=models.Index(fields=["sha256", "created_at"], name="attempt_sha256_created_at"),
        ),
        migrations.AddIndex(
            model_name="registrationattempt",
            index=models.Index(fields=["address", "created_at"], name="attempt_address_created_at"),
        ),
        migrations.AddConstraint(
            model_name="retentionpolicy",
            constraint=models.UniqueConstraint(
                fields=("identity",),
                name="retention_policy_one_overall",
                nulls_distinct=False,
                violation_error_message="This policy exists already.",
            ),
        ),
        migrations.AddIndex(
            model_name="sampleblock",
            index=models.Index(
                fields=["identity", "name", "hour", "last_ms"], name="block_series_hour"
            ),
        ),
        migrations.AddIndex(
            model_name="sampleblock",
            index=models.Index(
                condition=models.Q(("compacted", False)),
                fields=["identity", "name", "hour"],
                name="block_to_compact",
            ),
        ),
        migrations.AddConstraint(
            model_name="sampleconflict",
            constraint=models.UniqueConstraint(
                fields=("identity", "name", "certificate", "replaced_certificate"),
                name="conflict_once_per_series_and_pair",
            ),
        ),
        run_file("store_file.sql"),
        run_file("column_storage.sql"),
        run_file("identity_lookups.sql"),
        migrations.RunPython(create_measurement_types, migrations.RunPython.noop),
    ]
