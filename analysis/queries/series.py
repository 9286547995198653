"""Which series there are: everything that one identity has stored under one name.

A series is not a row of its own but a run of blocks in the index (identity, name, hour). The
names are found by jumping from one to the next in that index, so that a series of ten million
samples costs the listing no more than one of ten, up to the sum of its own page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from analysis.queries.read_database import connection
from identities.models import IDENTITY_NAME

SERIES_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
MAX_AT_ONCE = 4_000


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
class Page:
    """Some series in order of identity (without case) and name; ``after`` continues them."""

    series: list[Series]
    after: tuple[str, str] | None


# Every statement on blocks names one identity (see 0010): where the tables are distributed by
# identity, it goes to one place.
_IDENTITIES = """
SELECT i.id, i.name FROM identities_identity i
WHERE {conditions} ORDER BY lower(i.name) LIMIT %(limit)s
"""
_NAMES = """
SELECT i.id, n.name FROM unnest(%(numbers)s::bigint[]) WITH ORDINALITY AS i(id, place)
CROSS JOIN LATERAL ingest_series_names(i.id) AS n(name)
WHERE i.id IS DISTINCT FROM %(begun)s::bigint OR n.name > %(after)s
ORDER BY i.place, n.name
"""
_TOTALS = """
SELECT t.samples, t.first_ms, t.last_ms
FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS s(id, name, place)
CROSS JOIN LATERAL ingest_series_totals(s.id, s.name) t ORDER BY s.place
"""
_FIND = "SELECT i.id, i.name FROM identities_identity i WHERE lower(i.name) = lower(%s)"


def list_series(
    *,
    identity: str | None = None,
    contains: str = "",
    after: tuple[str, str] | None = None,
    limit: int = 100,
) -> Page:
    """Return at most ``limit`` series that follow ``after``, of all identities or of one.

    ``identity`` is a whole name in any case; ``contains`` a part of one. Names that no identity
    can have give an empty page.
    """
    conditions = ["true"]
    parameters: dict[str, str | int] = {"limit": limit + 1}
    if identity is not None:
        if not re.fullmatch(IDENTITY_NAME, identity):
            return Page([], None)
        conditions.append("lower(i.name) = lower(%(identity)s)")
        parameters["identity"] = identity
    if contains:
        conditions.append("strpos(lower(i.name), lower(%(contains)s)) > 0")
        parameters["contains"] = contains.replace("\0", "")
    found: list[tuple[int, str, str]] = []
    start: tuple[str, str | None] | None = after
    while True:
        new, start = _next_names(conditions, parameters, start)
        found += new
        if start is None or len(found) > limit:
            break
        # Identities that have nothing yet are passed over in ever longer strides.
        parameters["limit"] = min(2 * int(parameters["limit"]), MAX_AT_ONCE)
    page = found[:limit]
    more = len(found) > limit
    return Page(_total(page), (page[-1][1], page[-1][2]) if more else None)


def _next_names(
    conditions: list[str], parameters: dict[str, str | int], after: tuple[str, str | None] | None
) -> tuple[list[tuple[int, str, str]], tuple[str, str | None] | None]:
    """Return (identity's number, its name, series' name) that follow, and where to go on.

    Without a series' name ``after`` stands for the end of its identity.
    """
    identity, name = after or (None, None)
    if identity is not None:
        than = ">" if name is None else ">="
        conditions = [*conditions, f"lower(i.name) {than} lower(%(after)s)"]
        parameters = {**parameters, "after": identity}
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITIES.format(conditions=" AND ".join(conditions)), parameters)
        identities = dict(cursor.fetchall())
        begun = [n for n, each in identities.items() if each.lower() == (identity or "").lower()]
        given = {"numbers": list(identities), "begun": begun[0] if begun else None, "after": name}
        cursor.execute(_NAMES, given)
        found = [(number, identities[number], each) for number, each in cursor.fetchall()]
    if len(identities) < int(parameters["limit"]):
        return found, None
    return found, (list(identities.values())[-1], None)


def _total(page: list[tuple[int, str, str]]) -> list[Series]:
    with connection.cursor() as cursor:
        numbers, names = [row[0] for row in page], [row[2] for row in page]
        cursor.execute(_TOTALS, [numbers, names])
        totals = cursor.fetchall()
    # What was deleted meanwhile has no totals.
    return [
        Series(*row, *total)
        for row, total in zip(page, totals, strict=True)
        if total[0] is not None
    ]


def find_series(identity: str, name: str) -> Series:
    """Return the series ``name`` of ``identity`` (any case); raise ``UnknownSeriesError``."""
    if not re.fullmatch(IDENTITY_NAME, identity) or not re.fullmatch(SERIES_NAME, name):
        raise UnknownSeriesError(identity, name)
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [identity])
        row = cursor.fetchone()
    found = _total([(*row, name)]) if row else []
    if not found:
        raise UnknownSeriesError(identity, name)
    return found[0]
