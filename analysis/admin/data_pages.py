"""Base of the admin pages of stored data: permissions, sortable headings, dates, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from functools import wraps
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from analysis.queries.list_order import Order
from ingest.admin.read_only import EvidenceAdmin
from ingest.escaping import escape_formula

_Row = TypeVar("_Row", bound=Model)
View = Callable[..., HttpResponse]
# Name, label, and whether its cells are numbers.
Column = tuple[str, Any, bool]


class DataPagesAdmin(EvidenceAdmin[_Row]):
    """Pages for users who have all ``permissions``; the model has no rows of its own."""

    permissions: ClassVar[Sequence[str]]

    def has_view_permission(self, request: HttpRequest, obj: _Row | None = None) -> bool:
        return request.user.has_perms(self.permissions)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def open_to_viewers(self, view: View) -> View:
        """Return ``view`` as a page of the admin that checks the permissions first."""

        @wraps(view)
        def check(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.has_view_permission(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return self.admin_site.admin_view(check)


def make_csv_download(file_name: str, rows: Iterable[Iterable[Any]]) -> HttpResponse:
    """Return ``rows`` as a file; texts that a spreadsheet would take for formulas begin with '."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [escape_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return HttpResponse(
        out.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{file_name}"',
            "Cache-Control": "no-store",
        },
    )


def read_date(text: str) -> date | None:
    """Return a day of an address, None for text that is none within the times of samples."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 < found.year < 9000 else None


def describe_columns(
    columns: Iterable[Column],
    order: Order,
    sorts: Collection[str],
    make_query: Callable[[str], str],
    *,
    descending_first: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Return the headings of a list: ``admin/analysis/column_headings.html``.

    Those of ``sorts`` have the query that ``make_query`` makes of a sort. It reverses the order by
    the chosen column.
    """
    described = []
    for name, label, is_number in columns:
        is_chosen = name == order.column
        descends = not order.is_descending if is_chosen else name in descending_first
        direction = "descending" if order.is_descending else "ascending"
        described.append(
            {
                "label": label,
                "is_number": is_number,
                "query": make_query(Order(name, descends).text) if name in sorts else "",
                "order": direction if is_chosen else "none",
            }
        )
    return described
