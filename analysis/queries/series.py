"""Lookup and listing of series: all samples of one identity under one name.

A page of the list is found from the identities in their order, by the key of the table of series.
Where series are rare among the identities, or few identities may be seen, it is found from the
series instead, so that the cost of a page does not depend on which identities have series. Counts
and times come from the blocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.utils import CursorWrapper

from analysis.queries.read_database import connection
from identities.models import IDENTITY_NAME
from identities.search import make_name_pattern
from identities.visibility import Scope

# The identity's number and name, and the name of the series.
Row = tuple[int, str, str]
SERIES_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
# Identities that are searched for series before the series are searched themselves.
MAX_IDENTITIES_SEARCHED = 4_000
# Identities with series that are then sorted by name; beyond, the database joins all of them.
MAX_IDENTITIES_SORTED = 100_000


class UnknownSeriesError(LookupError):
    """No sample is stored for this identity under this name."""

    def __init__(self, identity: str, name: str, remark: str = "") -> None:
        super().__init__(f"There is no series {name!a} of identity {identity!a}{remark}.")


@dataclass(frozen=True)
class Series:
    """A series that holds at least one sample; times are epoch milliseconds."""

    identity_id: int
    identity: str
    name: str
    count: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True)
class SeriesPage:
    """Series in order of identity (ignoring case) and name; ``after`` selects the next page."""

    series: list[Series]
    after: tuple[str, str] | None


# Several statements: on a cluster distributed by identity, each reads one kind of table or joins
# series with identities, which every node has; those on blocks name one identity, hence one node.
_IDENTITIES = """
SELECT i.id, i.name FROM identities_identity i
WHERE {conditions} ORDER BY lower(i.name) LIMIT %(batch)s
"""
_SERIES = """
SELECT s.identity_id, s.name FROM unnest(%(identity_ids)s::bigint[]) WITH ORDINALITY AS i(id, place)
JOIN ingest_series s ON s.identity_id = i.id
WHERE {conditions} AND (s.identity_id <> %(started)s OR s.name > %(after_name)s)
ORDER BY i.place, s.name LIMIT %(limit)s
"""
_WITH_SERIES = """
SELECT DISTINCT s.identity_id FROM ingest_series s WHERE {conditions} LIMIT %(identities)s
"""
# Sorted by an expression that no index has: the planner must not read all identities in order of
# name until enough of them have series.
_RARE_SERIES = """
SELECT i.id, i.name, s.name FROM ingest_series s
JOIN identities_identity i ON i.id = s.identity_id
WHERE {conditions} ORDER BY lower(i.name) || '', s.name LIMIT %(limit)s
"""
_TOTALS = """
SELECT t.samples, t.first_ms, t.last_ms
FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS s(id, name, place)
CROSS JOIN LATERAL ingest_series_totals(s.id, s.name) t ORDER BY s.place
"""
_NAMES = """
SELECT s.name FROM ingest_series s
WHERE s.identity_id = %s AND starts_with(s.name, %s) ORDER BY s.name
"""
_FIND = """
SELECT i.id, i.name FROM identities_identity i
WHERE lower(i.name) = lower(%(identity)s) AND {condition}
"""


def list_series(
    scope: Scope,
    *,
    identity: str | None = None,
    contains: str = "",
    name: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 100,
) -> SeriesPage:
    """Return at most ``limit`` series of ``scope`` after the (identity, name) ``after``.

    ``identity`` selects one identity by its whole name, ``contains`` those with this text in
    their name; both ignore case. ``name`` selects the series of this name. An invalid name gives
    an empty page.
    """
    rows = find_rows(
        scope, identity=identity, contains=contains, name=name, after=after, limit=limit + 1
    )
    page = rows[:limit]
    has_next = len(rows) > limit
    return SeriesPage(fetch_totals(page), (page[-1][1], page[-1][2]) if has_next else None)


def find_rows(
    scope: Scope,
    *,
    identity: str | None = None,
    contains: str = "",
    name: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int,
    are_few: bool = False,
) -> list[Row]:
    """Return the rows of ``list_series`` without what is read from blocks.

    ``are_few``: few series fulfil the conditions, so they are found before their identities.
    """
    search = _Search(scope, after, limit)
    if identity is not None:
        if not re.fullmatch(IDENTITY_NAME, identity):
            return []
        search.of_identities("lower(i.name) = lower(%(identity)s)", identity=identity)
    if contains:
        search.of_identities(
            "lower(i.name) LIKE %(contains)s", contains=make_name_pattern(contains)
        )
    if name is not None:
        if not re.fullmatch(SERIES_NAME, name):
            return []
        search.of_series("s.name = %(name)s", name=name)
    return search.fetch(are_few=are_few)


class _Search:
    """A search for rows (identity id, identity name, series name) after a place in the list."""

    def __init__(self, scope: Scope, after: tuple[str, str] | None, limit: int) -> None:
        self._scope = scope
        self._place: tuple[str, str | None] | None = after
        self._limit = limit
        self._in_scope, self._parameters = scope.sql("i.id", by_row=not scope.is_small)
        self._identities: list[str] = ["true"]
        self._series: list[str] = ["true"]

    def of_identities(self, condition: str, **parameters: Any) -> None:
        self._identities.append(condition)
        self._parameters |= parameters

    def of_series(self, condition: str, **parameters: str) -> None:
        self._series.append(condition)
        self._parameters |= parameters

    def fetch(self, *, are_few: bool) -> list[Row]:
        rows: list[Row] = []
        searched, batch = 0, self._limit
        with connection.cursor() as cursor:
            if are_few or self._scope.is_small:
                return self._fetch_rare(cursor, self._limit)
            while searched < MAX_IDENTITIES_SEARCHED:
                identities = self._fetch_identities(cursor, batch)
                rows += self._fetch_series(cursor, identities, self._limit - len(rows))
                if len(identities) < batch or len(rows) == self._limit:
                    return rows
                self._place = (list(identities.values())[-1], None)
                searched += batch
                batch = min(2 * batch, MAX_IDENTITIES_SEARCHED)
            return rows + self._fetch_rare(cursor, self._limit - len(rows))

    def _fetch_identities(
        self, cursor: CursorWrapper, batch: int, among: list[int] | None = None
    ) -> dict[int, str]:
        """Return up to ``batch`` identities from the place on, ``among`` some of the scope."""
        conditions, parameters = self._from_place()
        if among is None:
            conditions.append(self._in_scope)
        else:
            conditions.append("i.id = ANY(%(among)s)")
            parameters["among"] = among
        statement = _IDENTITIES.format(conditions=" AND ".join(conditions))
        cursor.execute(statement, {**parameters, "batch": batch})
        return dict(cursor.fetchall())

    def _fetch_series(
        self, cursor: CursorWrapper, identities: dict[int, str], limit: int
    ) -> list[Row]:
        identity, after_name = self._place or ("", "")
        # The identity of the place is listed up to the series of the place.
        started = [pk for pk, name in identities.items() if name.lower() == identity.lower()]
        parameters: dict[str, Any] = {
            **self._parameters,
            "identity_ids": list(identities),
            "started": started[0] if started else 0,
            "after_name": after_name or "",
            "limit": limit,
        }
        cursor.execute(_SERIES.format(conditions=" AND ".join(self._series)), parameters)
        return [(pk, identities[pk], name) for pk, name in cursor.fetchall()]

    def _fetch_rare(self, cursor: CursorWrapper, limit: int) -> list[Row]:
        scoped, _ = self._scope.sql("s.identity_id", by_row=not self._scope.is_small)
        statement = _WITH_SERIES.format(conditions=" AND ".join([scoped, *self._series]))
        cursor.execute(statement, {**self._parameters, "identities": MAX_IDENTITIES_SORTED + 1})
        identity_ids = [pk for (pk,) in cursor.fetchall()]
        if len(identity_ids) <= MAX_IDENTITIES_SORTED:
            # One more, since the identity of the place may have no further series.
            identities = self._fetch_identities(cursor, limit + 1, identity_ids)
            return self._fetch_series(cursor, identities, limit)
        conditions, parameters = self._from_place()
        conditions += [self._in_scope, *self._series]
        statement = _RARE_SERIES.format(conditions=" AND ".join(conditions))
        cursor.execute(statement, {**parameters, "limit": limit})
        found: list[Row] = cursor.fetchall()
        return found

    def _from_place(self) -> tuple[list[str], dict[str, Any]]:
        """Return the conditions of the identities from the place on, and all parameters."""
        if self._place is None:
            return [*self._identities, "true"], {**self._parameters}
        identity, after_name = self._place
        operator = ">" if after_name is None else ">="
        condition = f"lower(i.name) {operator} lower(%(after)s)"
        parameters = {**self._parameters, "after": identity, "after_name": after_name}
        return [*self._identities, condition], parameters


def fetch_totals(page: list[Row]) -> list[Series]:
    """Return the series of ``page`` in its order, but for those deleted in the meantime."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, [[row[0] for row in page], [row[2] for row in page]])
        totals = cursor.fetchall()
    return [
        Series(*row, *total)
        for row, total in zip(page, totals, strict=True)
        if total[0] is not None
    ]


def find_series(identity: str, name: str, scope: Scope) -> Series:
    """Return the series ``name`` of ``identity`` (ignoring case).

    Raise ``UnknownSeriesError``, also for an identity outside ``scope``.
    """
    return find_several_series(identity, [name], scope)[0]


def find_several_series(identity: str, names: Sequence[str], scope: Scope) -> list[Series]:
    """Return the series in the order of ``names``, of which there is at least one.

    Raise ``UnknownSeriesError`` for the first without samples, and as ``find_series`` does.
    """
    if not re.fullmatch(IDENTITY_NAME, identity):
        raise UnknownSeriesError(identity, names[0])
    with connection.cursor() as cursor:
        condition, parameters = scope.sql("i.id")
        cursor.execute(_FIND.format(condition=condition), {**parameters, "identity": identity})
        row = cursor.fetchone()
    asked = [(*row, name) for name in names if re.fullmatch(SERIES_NAME, name)] if row else []
    found = {series.name: series for series in fetch_totals(asked)} if asked else {}
    for name in names:
        if name not in found:
            raise UnknownSeriesError(identity, name)
    return [found[name] for name in names]


def list_names(identity: str, prefix: str, scope: Scope) -> list[str]:
    """Return the names of an identity's series that begin with ``prefix``, ascending."""
    condition, parameters = scope.sql("i.id")
    with connection.cursor() as cursor:
        cursor.execute(_FIND.format(condition=condition), {**parameters, "identity": identity})
        row = cursor.fetchone()
        if row is None:
            return []
        cursor.execute(_NAMES, [row[0], prefix])
        return [name for (name,) in cursor.fetchall()]


def find_series_by_number(identity_id: int, name: str) -> Series | None:
    """Return the series ``name`` of the identity with this number, None without samples."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.id, i.name FROM identities_identity i WHERE i.id = %s", [identity_id]
        )
        row = cursor.fetchone()
    return next(iter(fetch_totals([(*row, name)])), None) if row else None
