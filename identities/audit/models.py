"""The rows of the audit log."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AuditEvent(models.Model):
    """One action or attempt of a member of staff or a command. Rows are only ever added.

    A database trigger refuses UPDATE and DELETE. Users are stored by number and name, not as a
    foreign key: the events outlive them.
    """

    class Action(models.TextChoices):
        LOGIN = "login", _("login")
        LOGOUT = "logout", _("logout")
        LOGIN_FAILED = "login failed", _("login failed")
        LOCKED_OUT = "locked out", _("locked out")
        MFA_FAILED = "MFA failed", _("MFA failed")
        ADD = "add", _("add")
        CHANGE = "change", _("change")
        DELETE = "delete", _("delete")
        COMMENT = "comment", _("comment")
        EXPORT = "export", _("export")

    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    username = models.CharField(max_length=150, blank=True)
    user_number = models.BigIntegerField(null=True)
    action = models.CharField(max_length=24, choices=Action.choices)
    object_type = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_repr = models.CharField(_("object"), max_length=200, blank=True)
    changes = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Each field with its old and its new value; no secrets."),
    )
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    study_ids = ArrayField(
        models.BigIntegerField(),
        db_default=[],
        default=list,
        editable=False,
        help_text=_("The studies in which all identities of the event were at its time."),
    )

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit log")
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="action_object"),
            GinIndex(fields=["study_ids"], name="audit_event_studies"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} {self.username or '?'}: {self.action}"
