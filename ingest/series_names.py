"""The names that series have, and the files sent under a name, for lists."""

from __future__ import annotations

from itertools import islice

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, OuterRef, Q, QuerySet

from identities.cluster import is_cluster
from identities.visibility import Scope
from ingest.models import Measurement, Series, Withdrawal

MAX_NAMES_OFFERED = 30
MAX_NAMES_TRIED = 60
MAX_IDENTITIES_OF_NAME = 1_000

# Each step jumps over all series of a name in the index.
_NAMES = """
WITH RECURSIVE names AS (
    (SELECT name FROM ingest_series ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (SELECT s.name FROM ingest_series s WHERE s.name > names.name ORDER BY s.name LIMIT 1)
    FROM names WHERE names.name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL LIMIT %s
"""
# A cluster reads no table of its nodes recursively.
_NAMES_OF_NODES = "SELECT DISTINCT s.name FROM ingest_series s ORDER BY s.name LIMIT %s"


def list_series_names(scope: Scope) -> list[str]:
    """Return the first ``MAX_NAMES_OFFERED`` names of series in ``scope``, ascending."""
    rows = scope.filter(Series.objects.order_by("name"))
    if scope.is_small or scope.study_ids == frozenset():
        return list(rows.values_list("name", flat=True).distinct()[:MAX_NAMES_OFFERED])
    with connection.cursor() as cursor:
        if scope.is_everything:
            return read_names(cursor, MAX_NAMES_OFFERED)
        names = read_names(cursor, MAX_NAMES_TRIED)
    # A name of a large scope is found at one of its first series.
    found = (name for name in names if rows.filter(name=name).exists())
    return list(islice(found, MAX_NAMES_OFFERED))


def read_names(cursor: CursorWrapper, limit: int) -> list[str]:
    """Return the first ``limit`` names of series, of all identities, ascending."""
    cursor.execute(_NAMES_OF_NODES if is_cluster() else _NAMES, [limit])
    return [name for (name,) in cursor.fetchall()]


def filter_by_name(files: QuerySet[Measurement], name: str) -> QuerySet[Measurement]:
    """Return those of ``files`` that were sent under ``name``.

    An index has files by identity and name, so where few identities have such files, theirs are
    selected. Where many have, files of the name are found soon in any order.
    """
    name = name.replace("\0", "")
    named = Measurement.objects.order_by().filter(name=name)
    rejected = named.filter(status=Measurement.Status.REJECTED)
    withdrawn = named.filter(pk__in=Withdrawal.objects.values("measurement"))
    identities: set[int] = set()
    for rows in (_series_of(name), rejected, withdrawn):
        found = rows.values_list("identity", flat=True)[: MAX_IDENTITIES_OF_NAME + 1]
        identities.update(found)
        if len(found) > MAX_IDENTITIES_OF_NAME:
            return files.filter(name=name)
    return files.filter(name=name, identity__in=identities)


def find_identities_of_name(name: str) -> list[int] | None:
    """Return the identities with a series of this name, or a column of it; None for very many."""
    found = list(_series_of(name).values_list("identity", flat=True)[: MAX_IDENTITIES_OF_NAME + 1])
    return sorted({*found}) if len(found) <= MAX_IDENTITIES_OF_NAME else None


def _series_of(name: str) -> QuerySet[Series]:
    """Return the series of this name and those of its columns."""
    name = name.replace("\0", "")
    return Series.objects.filter(Q(name=name) | Q(name__startswith=f"{name}."))


def has_series(name: str) -> Q:
    """Return the condition on identities that they have a series of this name, or a column of it.

    Those of a rare name are found first; with a common one, identities are found soon in any order.
    """
    found = find_identities_of_name(name)
    if found is not None:
        return Q(pk__in=found)
    series = _series_of(name)
    # A cluster compares no row of a table that each node has with the tables of the nodes.
    if is_cluster():
        return Q(pk__in=series.values("identity_id"))
    return Q(Exists(series.filter(identity_id=OuterRef("pk"))))
