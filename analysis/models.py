"""Proxy models that give the admin's pages of stored data a place in its index."""

from __future__ import annotations

from identities.models import Identity
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
