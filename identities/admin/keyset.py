"""Keyset paging of admin lists: no page counts or skips the rows before it.

A page begins after a row, which the parameter ``p`` names by its sort key, signed. So the last of
ten thousand pages costs as much as the first, if an index has the order of the list.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, ChangeList
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import BooleanField, F, Func, Q, QuerySet, Value
from django.db.models.expressions import Combinable, OrderBy
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.translation import gettext as _

from identities.admin.checked_requests import CheckedAdmin
from identities.admin.list_search import make_search
from identities.search import clean_term, estimate_rows
from identities.visibility import Scope, scope_of

MAX_COUNTED = 1_000
MAX_SUGGESTIONS = 200

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator


class _IsBeyond(Func):
    """``(sort key, primary key) > (value, value)``, a comparison that indexes support."""

    output_field = BooleanField()
    conditional = True

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        parts = [compiler.compile(source) for source in self.get_source_expressions()]
        left, right = (", ".join(sql for sql, _ in half) for half in (parts[:2], parts[2:]))
        parameters = [each for _, values in parts for each in values]
        return f"({left}) {self.extra['operator']} ({right})", parameters


@dataclass(frozen=True)
class _Place:
    """Where a page begins (or ends, if ``is_backward``): the keys of the row beside it."""

    is_backward: bool
    sort_key: Any
    pk: Any


class KeysetChangeList(ChangeList):
    """A list in the order of one column, then of the primary key in the same direction.

    A list of at most ``MAX_COUNTED`` rows is short: every column sorts it, at little cost. A longer
    one is sorted by the columns whose order an index has.
    """

    is_keyset = True
    is_short = False

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return the filtered rows in their order; those of a short list are read by their keys."""
        rows = super().get_queryset(request, exclude_parameters)
        keys = list(rows.order_by().values_list("pk", flat=True)[: MAX_COUNTED + 1])
        self.counted = len(keys)
        if self.counted > MAX_COUNTED:
            return rows
        self.is_short, self.sortable_by = True, None
        return rows.filter(pk__in=keys).order_by(*self.get_ordering(request, rows))

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return the sort key of a column, None for one that does not sort this list."""
        key = cast("Any", self.model_admin).sort_keys.get(field_name)
        if key is not None or not self.is_short:
            return key
        if field_name == "identity":
            return Lower("identity__name")
        shown = getattr(self.model_admin, str(field_name), None)  # hides a relation of its name
        return getattr(shown, "admin_order_field", None) or super().get_ordering_field(field_name)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return one column and the primary key; of several chosen columns the first counts."""
        if ORDER_VAR in self.params:
            chosen = self.params[ORDER_VAR].split(".")[0]
            self.params[ORDER_VAR] = chosen
            self.filter_params[ORDER_VAR] = [chosen]
        first: Any = super().get_ordering(request, queryset)[0]
        if isinstance(first, OrderBy):
            expression, is_descending = first.expression, first.descending
        elif isinstance(first, str):
            expression, is_descending = F(first.removeprefix("-")), first.startswith("-")
        else:
            expression, is_descending = first, False
        self.sort_key: Any = expression
        self.is_descending = is_descending
        by_key = OrderBy(expression, descending=is_descending)
        return [by_key, OrderBy(F("pk"), descending=is_descending)]

    def get_results(self, request: HttpRequest) -> None:
        """Read the page and one row more; set what the templates show."""
        rows = self.queryset.annotate(keyset_key=cast("Combinable", self.sort_key))
        place = self._read_place(request.GET.get(PAGE_VAR), rows)
        page, has_more = self._fetch(rows, place)
        if place is not None and place.is_backward and not has_more:
            place = None  # fewer rows than a page are before it: show the first page whole
            page, has_more = self._fetch(rows, place)
        is_backward = place is not None and place.is_backward
        has_next, has_previous = is_backward or has_more, place is not None
        self.result_list = page
        self.next_query = self._query("next", page[-1]) if has_next and page else ""
        self.previous_query = self._query("previous", page[0]) if has_previous and page else ""
        self.first_query = self.get_query_string() if has_previous else ""
        self._count()
        self.show_admin_actions = True
        self.full_result_count = None
        self.can_show_all = self.multi_page = self.show_all = self.show_full_result_count = False
        self.paginator = Paginator(page, self.list_per_page)

    def _fetch(self, rows: QuerySet[Any], place: _Place | None) -> tuple[list[Any], bool]:
        if place is not None:
            rows = rows.filter(self._make_condition(rows, place))
            rows = rows.reverse() if place.is_backward else rows
        found = list(rows[: self.list_per_page + 1])
        page, has_more = found[: self.list_per_page], len(found) > self.list_per_page
        if place is not None and place.is_backward:
            page.reverse()
        return page, has_more

    def _make_condition(self, rows: QuerySet[Any], place: _Place) -> Q:
        is_up = self.is_descending == place.is_backward
        field = rows.query.annotations["keyset_key"].output_field
        after_pk = Q(pk__gt=place.pk) if is_up else Q(pk__lt=place.pk)
        if place.sort_key is None:  # nulls are last in ascending order
            beyond = Q(keyset_key=None) & after_pk
            return beyond if is_up else beyond | Q(keyset_key__isnull=False)
        values = [Value(place.sort_key, field), Value(place.pk, self.opts.pk)]
        condition = _IsBeyond(self.sort_key, F("pk"), *values, operator=">" if is_up else "<")
        has_nulls = self.is_short or getattr(field, "null", False)
        return Q(condition) | Q(keyset_key=None) if has_nulls and is_up else Q(condition)

    # --- The parameter ---------------------------------------------------------------------
    @property
    def _salt(self) -> str:
        return f"{self.opts.label}:{self.sort_key!r}:{self.is_descending}"

    def _query(self, direction: str, row: Any) -> str:
        keys = [direction, _to_text(row.keyset_key), _to_text(row.pk)]
        return self.get_query_string({PAGE_VAR: signing.dumps(keys, salt=self._salt)})

    def _read_place(self, token: str | None, rows: QuerySet[Any]) -> _Place | None:
        if not token or token == "1":  # noqa: S105 - the stock first page
            return None
        try:
            direction, sort_key, pk = signing.loads(token, salt=self._salt)
            field = rows.query.annotations["keyset_key"].output_field
            is_backward = direction == "previous"
            return _Place(is_backward, field.to_python(sort_key), self.opts.pk.to_python(pk))
        except (signing.BadSignature, ValidationError) as error:
            raise IncorrectLookupParameters from error

    # --- The number of rows ----------------------------------------------------------------
    def _count(self) -> None:
        """Tell the number of rows; no action selects all rows of a long list at once."""
        self.result_count = self.counted if self.is_short else len(self.result_list)
        self.count_text = f"{self.counted:,}"
        if not self.is_short:
            estimate = 0 if self.queryset.query.where else estimate_rows(self.model)
            is_known = estimate > MAX_COUNTED
            text = _("about %(count)s") if is_known else _("more than %(count)s")
            self.count_text = text % {"count": f"{estimate if is_known else MAX_COUNTED:,}"}


def _to_text(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


class _SuggestionPaginator(AnyPaginator):
    """Counts no further than the suggestions of an autocomplete that anybody scrolls through."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by().values("pk")[:MAX_SUGGESTIONS].count()


class LargeListAdmin(CheckedAdmin):
    """A model whose list may have millions of rows.

    ``sort_keys`` names the columns that sort a long list, those whose order an index has, and their
    expressions. ``search_fields`` are searched for a part, whatever its case, with "=" for the
    whole; of an identity's name, and of a SHA-256 as hexadecimal digits, eight or more.
    """

    paginator = _SuggestionPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each facet counts the table
    list_per_page = 50
    sort_keys: ClassVar[dict[str, Any]] = {}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def get_sortable_by(self, request: HttpRequest) -> tuple[str, ...]:
        return tuple(self.sort_keys)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows in which a field has the term; indexes find it."""
        term = clean_term(search_term)
        return (queryset.filter(self.make_condition(request, term)) if term else queryset), False

    def make_condition(self, request: HttpRequest, term: str) -> Q:
        """Return the condition that ``term`` is in one of ``search_fields``."""
        found = Q(pk__in=[])
        for field in self.get_search_fields(request):
            found |= self.make_search(field, term, self.find_search_scope(request, field))
        return found

    def find_search_scope(self, request: HttpRequest, field: str) -> Scope:
        """Return the scope in which ``field`` of other rows, such as identities, is searched."""
        return scope_of(request.user)

    def make_search(self, field: str, term: str, scope: Scope) -> Q:
        """Return the condition that ``term`` is in ``field``, one of ``search_fields``."""
        return make_search(self.model, field, term, scope)
