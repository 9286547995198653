"""What all pages of evidence share: nobody adds, changes or deletes, and big tables stay quick."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from ingest.escaping import escape

_Row = TypeVar("_Row", bound=Model)

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

    class ModelAdmin(Generic[_Row], admin.ModelAdmin):
        """Django's own, with the type parameter that only its stubs know."""


class EstimatedPaginator(AnyPaginator):
    """Counts exactly up to ``EXACT`` rows, and beyond that takes PostgreSQL's estimate.

    A full count reads the whole table, which at ten million files is seconds for each page.
    """

    EXACT = 10_000

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or an estimate of it, or ``EXACT`` where none is kept."""
        rows = cast("QuerySet[Any]", self.object_list)
        counted = rows.order_by()[: self.EXACT].count()
        if counted < self.EXACT or rows.query.where:
            return counted
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
                [rows.model._meta.db_table],
            )
            estimate = int(cursor.fetchone()[0])
        return max(counted, estimate)  # the estimate is -1 before the first ANALYZE


class EvidenceAdmin(ModelAdmin[_Row]):
    """Rows that are looked at, by those with the permission to view them."""

    actions = None
    paginator = EstimatedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each facet counts the table
    list_per_page = 50
    sortable_by = ()

    class Media:
        css = {"all": ["ingest/read_only.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: devices make these rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: _Row | None = None) -> bool:
        """Return False: evidence stays as it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: _Row | None = None) -> bool:
        """Return False: evidence stays."""
        return False


def shown(text: str, longest: int = 255) -> str:
    """Return what a device sent with everything invisible or direction-turning escaped.

    Templates and ``format_html`` escape HTML; this is about what HTML lets through.
    """
    return escape(text, longest)


def grouped(digest: bytes | memoryview | None) -> str:
    """Return a SHA-256 as four-digit groups, which two people can compare by voice."""
    if digest is None:
        return ""
    text = bytes(digest).hex()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
