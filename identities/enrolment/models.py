"""What was issued together: the batch by which the progress of an enrolment is followed."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Enrolment(models.Model):
    """Keys that were issued together, from one list. Nothing but the way to them.

    Who may see or make keys may see or make enrolments, so it has no permissions of its own.
    """

    name = models.CharField(max_length=100, help_text="What it is for, such as Ward 3.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, editable=False
    )
    # Of the page on which it was confirmed: the same page sent again issues nothing again.
    idempotency_key = models.UUIDField(null=True, unique=True, editable=False)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
