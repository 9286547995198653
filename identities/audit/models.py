"""The audit trail's rows: what members of staff did, kept for good."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class AuditEvent(models.Model):
    """One thing that a member of staff did or tried. Rows are only ever added.

    A trigger of the database refuses to change or delete them. Users are kept by number and
    name, not by reference: the trail outlives them.
    """

    class Action(models.TextChoices):
        """What was done."""

        LOGIN = "login"
        LOGOUT = "logout"
        LOGIN_FAILED = "login failed"
        LOCKED_OUT = "locked out"
        SECOND_FACTOR_FAILED = "second factor failed"
        ADD = "add"
        CHANGE = "change"
        DELETE = "delete"
        NOTED = "noted"
        EXPORT = "export"

    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    username = models.CharField(max_length=150, blank=True)
    user_number = models.BigIntegerField(null=True)
    action = models.CharField(max_length=24, choices=Action.choices)
    object_type = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_repr = models.CharField("object", max_length=200, blank=True)
    changes = models.JSONField(
        default=dict, blank=True, help_text="Each field with its old and its new value; no secrets."
    )
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        indexes = [models.Index(fields=["object_type", "object_id"], name="action_object")]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} {self.username or '?'}: {self.action}"
