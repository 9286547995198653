"""Pages of series, sorted by a column if the list can be sorted by it.

The last sample of a series is found by one step in an index, so a thousand series are sorted by it.
First samples and counts are read from all blocks: only series on one page are sorted by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from analysis.queries.list_order import Order, read_offset, read_order
from analysis.queries.read_database import connection
from analysis.queries.series import Row, Series, fetch_totals, find_rows
from identities.search import make_name_pattern
from identities.visibility import Scope

_FEW = """
SELECT count(*) FROM (SELECT 1 FROM ingest_series s WHERE {conditions} LIMIT %(limit)s) AS few
"""
_NAMED = """
EXISTS (SELECT 1 FROM identities_identity i
        WHERE i.id = s.identity_id AND lower(i.name) LIKE %(contains)s)
"""
_NEWEST = """
SELECT i.id, n.name, n.last_ms FROM unnest(%s::bigint[]) AS i(id)
CROSS JOIN LATERAL ingest_series_newest(i.id) AS n
"""
_KEYS: dict[str, Callable[[Series], Any]] = {
    "name": lambda series: series.name.lower(),
    "samples": lambda series: series.count,
    "first": lambda series: series.first_ms,
    "last": lambda series: series.last_ms,
}


@dataclass(frozen=True)
class SortedSeries:
    """A page of series in ``order``, by one of ``sorts``.

    ``next_place`` is the place of the next page, "" on the last one.
    """

    series: list[Series]
    next_place: str
    sorts: tuple[str, ...]
    order: Order


def sort_series(
    scope: Scope,
    *,
    contains: str,
    name: str | None,
    sort: str,
    after: str,
    limit: int,
    max_sorted: int,
) -> SortedSeries:
    """Return ``limit`` series behind the place ``after``; more than ``max_sorted`` by identity.

    ``sort`` is one of ``sorts``, with "-" in front in descending order, else by identity. A place
    is IDENTITY/NAME of the series before it; in another order than by identity the number of
    series before it. The database compares the names of identities, by its collation.
    """
    count = _count(scope, contains, name, max_sorted + 1)
    are_few, is_one_page = count <= max_sorted, count <= min(limit, max_sorted)
    columns = ("identity", *_KEYS) if is_one_page else ("identity", "name", "last")
    sorts = columns if are_few else ()
    order = read_order(sort, sorts, "identity")
    # Identities with a part of a name are found before their series.
    find = partial(find_rows, scope, contains=contains, name=name, are_few=are_few and not contains)
    if is_one_page:
        series = fetch_totals(find(limit=limit))
        return SortedSeries(_sort_series(series, order), "", sorts, order)
    if order == Order("identity"):
        rows = find(after=_read_place(after), limit=limit + 1)
        page = rows[:limit]
        next_place = f"{page[-1][1]}/{page[-1][2]}" if len(rows) > limit else ""
    else:
        start = read_offset(after)
        rows = _sort_rows(find(limit=max_sorted), order)
        page = rows[start : start + limit]
        next_place = str(start + limit) if len(rows) > start + limit else ""
    return SortedSeries(fetch_totals(page), next_place, sorts, order)


def _read_place(text: str) -> tuple[str, str] | None:
    found = re.fullmatch("([^/]+)/([^/]+)", text)
    return (found[1], found[2]) if found else None


def _count(scope: Scope, contains: str, name: str | None, limit: int) -> int:
    """Return the number of series, ``limit`` if there are more."""
    condition, parameters = scope.sql_of_identities("s.identity_id")
    conditions = [condition]
    if contains:
        conditions.append(_NAMED)
        parameters["contains"] = make_name_pattern(contains)
    if name is not None:
        conditions.append("s.name = %(name)s")
        parameters["name"] = name
    with connection.cursor() as cursor:
        statement = _FEW.format(conditions=" AND ".join(conditions))
        cursor.execute(statement, {**parameters, "limit": limit})
        return int(cursor.fetchone()[0])


def _sort_series(series: list[Series], order: Order) -> list[Series]:
    """Return ``series``, which are in order of identity, in ``order``."""
    if order.column == "identity":
        return series[::-1] if order.is_descending else series
    return sorted(series, key=_KEYS[order.column], reverse=order.is_descending)


def _sort_rows(rows: list[Row], order: Order) -> list[Row]:
    """Return ``rows``, which are in order of identity, in ``order``."""
    if order.column == "identity":
        return rows[::-1] if order.is_descending else rows
    if order.column == "name":
        return sorted(rows, key=lambda row: row[2].lower(), reverse=order.is_descending)
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [sorted({row[0] for row in rows})])
        newest = {(pk, name): last_ms for pk, name, last_ms in cursor.fetchall()}
    return sorted(
        rows, key=lambda row: newest.get((row[0], row[2]), 0), reverse=order.is_descending
    )
