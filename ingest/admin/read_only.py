"""Base of read-only admin pages, with lists that stay fast on large tables."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from identities.admin.checked_requests import CheckedAdmin
from ingest.escaping import escape

_Row = TypeVar("_Row", bound=Model)

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

    class ModelAdmin(Generic[_Row], CheckedAdmin):
        """Django's class, with the type parameter of its stubs."""


class EstimatedPaginator(AnyPaginator):
    """Counts exactly up to ``EXACT`` rows; beyond that it uses PostgreSQL's estimate.

    A full count reads the whole table, which takes seconds for each page at ten million files.
    """

    EXACT = 10_000

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or its estimate, or ``EXACT`` if there is no estimate."""
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
    """Read-only rows, for users with the permission to view them."""

    actions = None
    paginator = EstimatedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each facet counts the table
    list_per_page = 50
    sortable_by = ()

    class Media:
        css = {"all": ["ingest/read_only.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: devices create these rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: _Row | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: _Row | None = None) -> bool:
        return False


def shown(text: str, max_length: int = 255) -> str:
    """Escape invisible and bidirectional control characters in text from a device.

    Templates and ``format_html`` escape HTML, but not these.
    """
    return escape(text, max_length)


def grouped(digest: bytes | memoryview | None) -> str:
    """Return a SHA-256 in groups of four digits, which people can compare by voice."""
    if digest is None:
        return ""
    text = bytes(digest).hex()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
