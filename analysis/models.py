"""Proxy models for the admin's pages of stored data, and the database roles of studies."""

from __future__ import annotations

from django.db import models

from identities.models import Identity
from identities.studies import Study
from ingest.models import SampleBlock


class Overview(Identity):
    """An identity with the state of its data and devices."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "overview"
        verbose_name_plural = "overview"


class Compliance(Identity):
    """An identity with the time that its samples cover, day by day."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = verbose_name_plural = "compliance"


class Series(SampleBlock):
    """A series; the permission to view sample blocks covers it."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = verbose_name_plural = "series"


class StudyRole(models.Model):
    """A database role that reads one study and its sites: ``create_readonly_role --study``."""

    role = models.CharField(max_length=63, unique=True)
    study = models.ForeignKey(
        Study, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.role}: {self.study}"
