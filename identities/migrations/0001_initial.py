"""Accounts: identities, pre-shared keys, tokens, enrolments and the audit log."""

from pathlib import Path

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import identities.access_tokens
import identities.models
from django.conf import settings
from django.db import migrations, models


SQL = Path(__file__).resolve().parent.parent / "sql"


def run_file(name: str) -> migrations.RunSQL:
    """Return the operation that runs ``sql/NAME``."""
    return migrations.RunSQL((SQL / name).read_text())


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("hint", models.CharField(editable=False, max_length=16)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "note",
                    models.CharField(blank=True, help_text="What uses this token.", max_length=200),
                ),
                (
                    "expires_at",
                    models.DateTimeField(
                        default=identities.access_tokens.default_expiry, verbose_name="expires"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="AuditEvent",
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
                ("username", models.CharField(blank=True, max_length=150)),
                ("user_number", models.BigIntegerField(null=True)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("login", "login"),
                            ("logout", "logout"),
                            ("login failed", "login failed"),
                            ("locked out", "locked out"),
                            ("MFA failed", "MFA failed"),
                            ("add", "add"),
                            ("change", "change"),
                            ("delete", "delete"),
                            ("comment", "comment"),
                            ("export", "export"),
                        ],
                        max_length=24,
                    ),
                ),
                ("object_type", models.CharField(blank=True, max_length=100)),
                ("object_id", models.CharField(blank=True, max_length=64)),
                (
                    "object_repr",
                    models.CharField(blank=True, max_length=200, verbose_name="object"),
                ),
                (
                    "changes",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="Each field with its old and its new value; no secrets.",
                    ),
                ),
                ("address", models.GenericIPAddressField(null=True)),
                ("request_id", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "verbose_name": "audit event",
                "verbose_name_plural": "audit log",
                "ordering": ["-id"],
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["object_type", "object_id"], name="action_object")
                ],
            },
        ),
        migrations.CreateModel(
            name="Enrolment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Purpose of the keys, such as Ward 3.", max_length=100
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("idempotency_key", models.UUIDField(editable=False, null=True, unique=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Name shown to devices and analysts. Unique, whatever its case.",
                        max_length=64,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}\\Z",
                                "Letters, digits and _ . @ - only; the first a letter or digit; 64 at most.",
                            )
                        ],
                    ),
                ),
                ("description", models.TextField(blank=True)),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Devices of an inactive identity are refused from their next request on.",
                        verbose_name="active",
                    ),
                ),
                (
                    "reporting_interval",
                    models.DurationField(
                        blank=True,
                        help_text="Expected time between samples: 90s, 5m, 12h, 7d. Applies to all series of the identity together and overrides their measurement types. Empty: use the measurement types.",
                        null=True,
                        verbose_name="reporting interval",
                    ),
                ),
                (
                    "grace_period",
                    models.DurationField(
                        blank=True,
                        help_text="Added to the reporting interval before an alert: 90s, 5m, 12h, 7d.",
                        null=True,
                        verbose_name="grace period",
                    ),
                ),
                (
                    "monitoring_paused_until",
                    models.DateTimeField(
                        blank=True,
                        help_text="For a device that is not in use or under repair.",
                        null=True,
                        verbose_name="alerts paused until",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name_plural": "identities",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("name"),
                        name="identity_name_unique_without_case",
                        violation_error_message="An identity of this name exists.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PreSharedKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("hint", models.CharField(editable=False, max_length=16)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "note",
                    models.CharField(
                        blank=True,
                        help_text="For whom or what this key is; never shown to devices.",
                        max_length=200,
                    ),
                ),
                (
                    "max_uses",
                    models.PositiveIntegerField(
                        default=1,
                        help_text="How many different certificates may register with it.",
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                ("uses", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "expires_at",
                    models.DateTimeField(
                        default=identities.models.default_key_expiry, verbose_name="expires"
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "enrolment",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="keys",
                        to="identities.enrolment",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="keys",
                        to="identities.identity",
                    ),
                ),
                (
                    "replaces",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replaced_by",
                        to="identities.presharedkey",
                    ),
                ),
            ],
            options={
                "verbose_name": "pre-shared key",
                "ordering": ["-created_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("uses__lte", models.F("max_uses"))),
                        name="psk_uses_within_max_uses",
                    )
                ],
            },
        ),
        run_file("append_only_audit_log.sql"),
    ]
