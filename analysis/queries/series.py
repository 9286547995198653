"""Lookup and listing of series: all samples of one identity under one name.

A series has no row of its own; it is a run of blocks in the index (identity, name, hour). Names
are found by a loose index scan from one to the next, so the listing does not read the blocks of
a series, except to add up the totals of those on the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from analysis.queries.read_database import connection
from identities.models import IDENTITY_NAME
from identities.visibility import Scope

SERIES_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
MAX_IDENTITIES_PER_QUERY = 4_000


class UnknownSeriesError(LookupError):
    """No sample is stored for this identity under this name."""

    def __init__(self, identity: str, name: str) -> None:
        super().__init__(f"There is no series {name!a} of identity {identity!a}.")


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


# Every statement on blocks names one identity: on a cluster distributed by identity, it is sent
# to one node.
_IDENTITIES = """
SELECT i.id, i.name FROM identities_identity i
WHERE {conditions} ORDER BY lower(i.name) LIMIT %(limit)s
"""
_NAMES = """
SELECT i.id, n.name FROM unnest(%(identity_ids)s::bigint[]) WITH ORDINALITY AS i(id, place)
CROSS JOIN LATERAL ingest_series_names(i.id) AS n(name)
WHERE i.id IS DISTINCT FROM %(started)s::bigint OR n.name > %(after)s
ORDER BY i.place, n.name
"""
_TOTALS = """
SELECT t.samples, t.first_ms, t.last_ms
FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS s(id, name, place)
CROSS JOIN LATERAL ingest_series_totals(s.id, s.name) t ORDER BY s.place
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
    after: tuple[str, str] | None = None,
    limit: int = 100,
) -> SeriesPage:
    """Return at most ``limit`` series of ``scope`` after the (identity, name) ``after``.

    ``identity`` selects one identity by its whole name, ``contains`` those with this text in
    their name; both ignore case. An invalid identity name gives an empty page.
    """
    condition, scope_parameters = scope.sql("i.id")
    conditions = [condition]
    parameters: dict[str, Any] = {"limit": limit + 1, **scope_parameters}
    if identity is not None:
        if not re.fullmatch(IDENTITY_NAME, identity):
            return SeriesPage([], None)
        conditions.append("lower(i.name) = lower(%(identity)s)")
        parameters["identity"] = identity
    if contains:
        conditions.append("strpos(lower(i.name), lower(%(contains)s)) > 0")
        parameters["contains"] = contains.replace("\0", "")
    rows: list[tuple[int, str, str]] = []
    start: tuple[str, str | None] | None = after
    while True:
        new_rows, start = _fetch_next_names(conditions, parameters, start)
        rows += new_rows
        if start is None or len(rows) > limit:
            break
        # Identities without series are skipped in batches of growing size.
        parameters["limit"] = min(2 * int(parameters["limit"]), MAX_IDENTITIES_PER_QUERY)
    page = rows[:limit]
    has_next = len(rows) > limit
    return SeriesPage(_fetch_totals(page), (page[-1][1], page[-1][2]) if has_next else None)


def _fetch_next_names(
    conditions: list[str], parameters: dict[str, Any], after: tuple[str, str | None] | None
) -> tuple[list[tuple[int, str, str]], tuple[str, str | None] | None]:
    """Return (identity id, identity name, series name) after ``after``, and the next ``after``.

    A series name of None stands for the end of the identity.
    """
    identity, name = after or (None, None)
    if identity is not None:
        operator = ">" if name is None else ">="
        conditions = [*conditions, f"lower(i.name) {operator} lower(%(after)s)"]
        parameters = {**parameters, "after": identity}
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITIES.format(conditions=" AND ".join(conditions)), parameters)
        identities = dict(cursor.fetchall())
        # The identity of `after` has been listed up to the series `after`.
        started = next(
            (pk for pk, text in identities.items() if text.lower() == (identity or "").lower()),
            None,
        )
        cursor.execute(
            _NAMES, {"identity_ids": list(identities), "started": started, "after": name}
        )
        found = [(pk, identities[pk], series_name) for pk, series_name in cursor.fetchall()]
    if len(identities) < int(parameters["limit"]):
        return found, None
    return found, (list(identities.values())[-1], None)


def _fetch_totals(page: list[tuple[int, str, str]]) -> list[Series]:
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, [[row[0] for row in page], [row[2] for row in page]])
        totals = cursor.fetchall()
    # A series deleted in the meantime has no totals.
    return [
        Series(*row, *total)
        for row, total in zip(page, totals, strict=True)
        if total[0] is not None
    ]


def find_series(identity: str, name: str, scope: Scope) -> Series:
    """Return the series ``name`` of ``identity`` (ignoring case).

    Raise ``UnknownSeriesError``, also for an identity outside ``scope``.
    """
    if not re.fullmatch(IDENTITY_NAME, identity) or not re.fullmatch(SERIES_NAME, name):
        raise UnknownSeriesError(identity, name)
    with connection.cursor() as cursor:
        condition, parameters = scope.sql("i.id")
        cursor.execute(_FIND.format(condition=condition), {**parameters, "identity": identity})
        row = cursor.fetchone()
    found = _fetch_totals([(*row, name)]) if row else []
    if not found:
        raise UnknownSeriesError(identity, name)
    return found[0]
