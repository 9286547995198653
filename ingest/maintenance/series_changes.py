"""Record which ranges of a series maintenance changed, for the changes feed.

Called in the transaction that changes the samples. Uploads record nothing here: the feed reads
them from the files. ``analysis.queries.changes`` reads both.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection

from ingest.maintenance.replay import series_names
from ingest.models import SeriesChange

Kind = SeriesChange.Kind

_TOTALS = "SELECT t.first_ms, t.last_ms FROM ingest_series_totals(%s, %s) t"


def record(
    kind: Kind,
    identity_id: int,
    name: str,
    first_ms: int | None,
    last_ms: int | None,
    *,
    measurement_id: UUID | None = None,
    studies: Collection[int] = (),
) -> None:
    """Record a change of the samples from ``first_ms`` to ``last_ms``, both included."""
    SeriesChange.objects.create(
        kind=kind,
        identity_number=identity_id,
        name=name,
        from_ms=first_ms,
        to_ms=None if last_ms is None else last_ms + 1,
        measurement_id=measurement_id,
        studies=sorted(studies),
    )


def record_participation(kind: Kind, identity_id: int, study_id: int) -> None:
    """Record for each series of an identity that it entered or left a study."""
    for name in series_names(identity_id):
        with connection.cursor() as cursor:
            cursor.execute(_TOTALS, [identity_id, name])
            first_ms, last_ms = cursor.fetchone()
        record(kind, identity_id, name, first_ms, last_ms, studies=[study_id])


def forget(identity_id: int) -> None:
    """Delete the rows of an identity that its erasure makes pointless."""
    SeriesChange.objects.filter(identity_number=identity_id).exclude(
        kind__in=(Kind.ERASED, Kind.LEFT)
    ).delete()
