"""Which series there are: everything that one identity has stored under one name.

A series is not a row of its own but a run of blocks in the index (identity, name, hour). The
names are found by jumping from one to the next in that index, so that a series of ten million
samples costs the listing no more than one of ten, up to the sum of its own page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import connection

from identities.models import IDENTITY_NAME

SERIES_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"


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


# A name may have many blocks: `>` in the recursion lets the index skip all of them at once.
# OFFSET 0 keeps PostgreSQL from summing up every series before the page is cut.
_LIST = """
WITH page AS (
    SELECT i.id, i.name AS identity, n.name
    FROM identities_identity i
    CROSS JOIN LATERAL (
        WITH RECURSIVE names AS (
            (SELECT b.name FROM ingest_sampleblock b WHERE b.identity_id = i.id
             ORDER BY b.name LIMIT 1)
            UNION ALL
            SELECT (SELECT b.name FROM ingest_sampleblock b
                    WHERE b.identity_id = i.id AND b.name > names.name ORDER BY b.name LIMIT 1)
            FROM names WHERE names.name IS NOT NULL
        )
        SELECT names.name FROM names WHERE names.name IS NOT NULL
    ) n
    WHERE {conditions}
    ORDER BY lower(i.name), n.name
    LIMIT %(limit)s
    OFFSET 0
)
SELECT page.id, page.identity, page.name, a.samples, a.first_ms, a.last_ms
FROM page
CROSS JOIN LATERAL (
    SELECT sum(b.sample_count)::bigint AS samples, min(b.first_ms) AS first_ms,
           max(b.last_ms) AS last_ms
    FROM ingest_sampleblock b WHERE b.identity_id = page.id AND b.name = page.name
) a
ORDER BY lower(page.identity), page.name
"""


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
    if after is not None:
        conditions.append("lower(i.name) >= lower(%(after_identity)s)")
        conditions.append("(lower(i.name) > lower(%(after_identity)s) OR n.name > %(after_name)s)")
        parameters["after_identity"], parameters["after_name"] = after
    with connection.cursor() as cursor:
        cursor.execute(_LIST.format(conditions=" AND ".join(conditions)), parameters)
        found = [Series(*row) for row in cursor.fetchall()]
    more = len(found) > limit
    found = found[:limit]
    return Page(found, (found[-1].identity, found[-1].name) if more else None)


_FIND = """
SELECT i.id, i.name, b.name, sum(b.sample_count)::bigint, min(b.first_ms), max(b.last_ms)
FROM identities_identity i
JOIN ingest_sampleblock b ON b.identity_id = i.id
WHERE lower(i.name) = lower(%s) AND b.name = %s
GROUP BY i.id, b.name
"""


def find_series(identity: str, name: str) -> Series:
    """Return the series ``name`` of ``identity`` (any case); raise ``UnknownSeriesError``."""
    if not re.fullmatch(IDENTITY_NAME, identity) or not re.fullmatch(SERIES_NAME, name):
        raise UnknownSeriesError(identity, name)
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [identity, name])
        row = cursor.fetchone()
    if row is None:
        raise UnknownSeriesError(identity, name)
    return Series(*row)
