"""Lists of series in another order than by name, as far as it can be had cheaply.

The last sample of a series is found by one step in an index, so a thousand series are sorted by it.
First samples and counts are read from all blocks: only series on one page are sorted by them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from analysis.queries.read_database import connection
from analysis.queries.series import Row, Series, fetch_totals, find_rows
from identities.search import make_name_pattern
from identities.visibility import Scope

MAX_SERIES_SORTED = 1_000

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
_KEYS = {
    "identity": lambda series: (series.identity.lower(), series.name.lower()),
    "name": lambda series: (series.name.lower(), series.identity.lower()),
    "samples": lambda series: series.count,
    "first": lambda series: series.first_ms,
    "last": lambda series: series.last_ms,
}


@dataclass(frozen=True)
class SortedSeries:
    """A page of series in the order of ``sort``, one of ``sorts``; ``following`` is its end."""

    series: list[Series]
    following: str
    sorts: tuple[str, ...]
    sort: str
    is_descending: bool


def sort_series(
    scope: Scope, *, contains: str, name: str | None, sort: str, after: str, limit: int
) -> SortedSeries | None:
    """Return ``limit`` series behind the place ``after``, None if they are too many to sort.

    ``sort`` is one of ``sorts``, with "-" in front in descending order, else by identity. A place
    is IDENTITY/NAME of the series before it; in another order than by identity the number of
    series before it.
    """
    if not _are_few(scope, contains, name):
        return None
    # Identities with a part of a name are found before their series.
    rows = find_rows(
        scope, contains=contains, name=name, limit=MAX_SERIES_SORTED, are_few=not contains
    )
    is_one_page = len(rows) <= limit
    sorts = tuple(_KEYS) if is_one_page else ("identity", "name", "last")
    key = sort.lstrip("-") if sort.lstrip("-") in sorts else "identity"
    is_descending = sort.startswith("-")
    if is_one_page:
        found = sorted(fetch_totals(rows), key=_KEYS[key], reverse=is_descending)
        return SortedSeries(found, "", sorts, key, is_descending)
    if key == "identity" and not is_descending:
        identity, _, series = after.partition("/")
        rows = [row for row in rows if (row[1].lower(), row[2]) > (identity.lower(), series)]
        page = rows[:limit]
        following = f"{page[-1][1]}/{page[-1][2]}" if len(rows) > limit else ""
    else:
        start = int(after) if re.fullmatch("[0-9]{1,6}", after) else 0
        page = _sort_rows(rows, key, is_descending)[start : start + limit]
        following = str(start + limit) if len(rows) > start + limit else ""
    return SortedSeries(fetch_totals(page), following, sorts, key, is_descending)


def _are_few(scope: Scope, contains: str, name: str | None) -> bool:
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
        cursor.execute(statement, {**parameters, "limit": MAX_SERIES_SORTED + 1})
        return bool(cursor.fetchone()[0] <= MAX_SERIES_SORTED)


def _sort_rows(rows: list[Row], key: str, is_descending: bool) -> list[Row]:
    if key == "last":
        with connection.cursor() as cursor:
            cursor.execute(_NEWEST, [sorted({row[0] for row in rows})])
            newest = {(pk, name): last_ms for pk, name, last_ms in cursor.fetchall()}
        return sorted(rows, key=lambda row: newest.get((row[0], row[2]), 0), reverse=is_descending)

    def names(row: Row) -> tuple[str, str]:
        identity, name = row[1].lower(), row[2].lower()
        return (name, identity) if key == "name" else (identity, name)

    return sorted(rows, key=names, reverse=is_descending)
