"""Search for a part of a text, ignoring case, as the trigram indexes support it.

Text without three letters or digits in a row has no trigram. In a large table it is searched at the
beginning of the field only, which an index finds too; punctuation alone is found nowhere there.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import BooleanField, F, Func, Model, Q, QuerySet, TextField
from django.db.models.functions import Lower
from django.db.models.lookups import Contains, StartsWith

from identities.models import Identity

_Row = TypeVar("_Row", bound=Model)
# Rows that a search may read; PostgreSQL's estimate of a table's rows is compared with it.
MAX_ROWS_READ = 100_000
# Rows that are found by their condition and then sorted; more are met soon in any order.
MAX_ROWS_SORTED = 2_000


class _IsAmong(Func):
    """``key = ANY(array)``."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def clean_term(text: str) -> str:
    """Return the text of a search field without white space around it, and without NUL."""
    return text.strip().replace("\0", "")


def is_among(key: str, rows: QuerySet[Any, Any]) -> Q:
    """Return the condition that ``key`` is among ``rows``, each of one value.

    PostgreSQL finds these rows first, and then what has their keys. Of an IN it may read a table in
    the order of the list until it has met enough of them.
    """
    return Q(_IsAmong(key, ArraySubquery(rows.order_by())))


def are_few(rows: QuerySet[Any, Any]) -> bool:
    """Return whether ``rows`` can be found by their condition and sorted for a page."""
    return rows.order_by()[: MAX_ROWS_SORTED + 1].count() <= MAX_ROWS_SORTED


def find_first(rows: QuerySet[_Row], condition: Q) -> QuerySet[_Row]:
    """Return those of ``rows`` that fulfil ``condition``, by its indexes if they are few."""
    matching = rows.model._base_manager.filter(condition).values("pk")
    return rows.filter(is_among("pk", matching) if are_few(matching) else condition)


def search_text(model: type[Model], field: str, text: str) -> Q:
    """Return the condition that ``field`` of ``model`` contains ``text``."""
    lower = Lower(F(field), output_field=TextField())
    if _can_contain(model, text):
        return Q(Contains(lower, text.lower()))
    return Q(StartsWith(lower, text.lower())) if _has_word(text) else Q(pk__in=[])


def make_name_pattern(text: str) -> str:
    """Return the pattern of LIKE for lower names of identities that contain ``text``."""
    text = text.replace("\0", "")
    if _can_contain(Identity, text):
        return f"%{_escape(text)}%"
    return f"{_escape(text)}%" if _has_word(text) else ""


def estimate_rows(model: type[Model]) -> int:
    """Return PostgreSQL's estimate of a table's rows, -1 before its first ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
            [model._meta.db_table],
        )
        return int(cursor.fetchone()[0])


def _can_contain(model: type[Model], text: str) -> bool:
    return _has_trigram(text) or estimate_rows(model) <= MAX_ROWS_READ


def _has_trigram(text: str) -> bool:
    """Return whether pg_trgm finds a trigram in ``text``, which may stand inside a longer word.

    It puts two spaces before each word and one after it.
    """
    return any(
        2 * (word.start() > 0) + len(word[0]) + (word.end() < len(text)) >= 3
        for word in re.finditer(r"[^\W_]+", text)
    )


def _has_word(text: str) -> bool:
    return re.search(r"[^\W_]", text) is not None


def _escape(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text.lower())
