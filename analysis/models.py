"""Proxy models that list stored data in the admin. They have no tables of their own."""

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


class Series(SampleBlock):
    """All blocks of one identity and one name. Who may view blocks may view series."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = verbose_name_plural = "series"
