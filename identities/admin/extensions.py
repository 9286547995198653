"""Columns, filters, links and panels that other apps add to the pages of this app.

This app knows nothing of devices and measurements. Apps that do register here, from their own
admin modules, which Django imports before it serves a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest


@dataclass(frozen=True)
class Link:
    label: Any
    url: str


@dataclass
class PageExtensions:
    """What other apps add to the pages of one model.

    ``annotations`` prepare a queryset for the ``columns``, which are functions of a row decorated
    with ``admin.display``. ``links`` become buttons on a row's page; None adds no button.
    ``panels`` return HTML for the page that a row is created or followed on, or "".
    """

    annotations: list[Callable[[QuerySet[Any]], QuerySet[Any]]] = field(default_factory=list)
    columns: list[Callable[[Any], Any]] = field(default_factory=list)
    filters: list[type[SimpleListFilter]] = field(default_factory=list)
    links: list[Callable[[HttpRequest, Any], Link | None]] = field(default_factory=list)
    panels: list[Callable[[HttpRequest, Any], str]] = field(default_factory=list)
    # Leads from a key's number of uses to what was registered with it.
    uses_url: Callable[[Any], str] | None = None

    def annotate(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        for annotation in self.annotations:
            rows = annotation(rows)
        return rows

    def links_for(self, request: HttpRequest, row: Any) -> list[Link]:
        links = (make_link(request, row) for make_link in self.links)
        return [link for link in links if link is not None]

    def panels_for(self, request: HttpRequest, row: Any) -> list[str]:
        return [panel(request, row) for panel in self.panels]


identity_pages = PageExtensions()
key_pages = PageExtensions()
enrolment_pages = PageExtensions()
study_pages = PageExtensions()
