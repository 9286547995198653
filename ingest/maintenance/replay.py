"""A series as its kept files tell it: read again, in order, and laid over each other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.db import connection

from ingest.models import Measurement, PruneWatermark
from ingest.storage.file_overlay import (
    Hours,
    Layered,
    Layers,
    Span,
    plan_runs,
)
from ingest.storage.stored_files import load_samples

# Compressed files are fetched so many at a time: each may be as large as a request.
_FILES_A_FETCH = 20

_FILE_SPANS = """
SELECT (first_ms / 3600000)::int, (last_ms / 3600000)::int, sum(samples)::bigint, count(*)
FROM ingest_measurement
WHERE identity_id = %s AND name = %s AND status = 'stored'
GROUP BY 1, 2
"""
_BLOCK_SPANS = """
SELECT hour, hour, sum(sample_count)::bigint, 0
FROM ingest_sampleblock
WHERE identity_id = %s AND name = %s
GROUP BY hour
"""
# Names are found by jumping from one to the next in an index that begins with them.
_NAMES = """
WITH RECURSIVE names AS (
    (SELECT t.name FROM {table} t WHERE t.identity_id = %s ORDER BY t.name LIMIT 1)
    UNION ALL
    SELECT (SELECT t.name FROM {table} t
            WHERE t.identity_id = %s AND t.name > names.name ORDER BY t.name LIMIT 1)
    FROM names WHERE names.name IS NOT NULL
)
SELECT names.name FROM names WHERE names.name IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class DamagedOriginal:
    """A kept file that is not what was uploaded, and how that shows."""

    id: uuid.UUID
    name: str
    fault: str


@dataclass(slots=True)
class Replayed:
    """What the files say a run of hours holds. Damaged ones are left out as far as unreadable."""

    samples: Layered = field(default_factory=lambda: Layers().result())
    files: int = 0
    damaged: list[DamagedOriginal] = field(default_factory=list)


def series_names(identity_id: int) -> list[str]:
    """Return the names under which an identity has files (rejected ones too) or blocks."""
    found: set[str] = set()
    with connection.cursor() as cursor:
        for table in ("ingest_measurement", "ingest_sampleblock"):
            cursor.execute(_NAMES.format(table=table), [identity_id, identity_id])
            found.update(name for (name,) in cursor.fetchall())
    return sorted(found)


def plan(identity_id: int, name: str, most: int) -> list[Hours]:
    """Return the runs of hours, about ``most`` samples each, that a series' data lie in."""
    spans: list[Span] = []
    with connection.cursor() as cursor:
        for statement in (_FILE_SPANS, _BLOCK_SPANS):
            cursor.execute(statement, [identity_id, name])
            spans += [Span(*row) for row in cursor.fetchall()]
    return list(plan_runs(spans, most))


def replay(identity_id: int, name: str, hours: Hours) -> Replayed:
    """Return the samples of ``hours`` as the stored files of the series have them.

    To be called in a transaction that holds the series' lock, or in a snapshot: an upload
    commits file and blocks together, so that either sees both or none.
    """
    layers, replayed = Layers(), Replayed()
    marks = list(
        PruneWatermark.objects.filter(identity_id=identity_id, name=name).values_list(
            "sequence", "before_ms"
        )
    )
    for measurement in _stored_between(identity_id, name, hours):
        samples, fault = load_samples(measurement)
        if fault:
            replayed.damaged.append(DamagedOriginal(measurement.pk, name, fault))
        replayed.files += 1
        if samples is not None:
            start_ms = max(hours.start_ms, _pruned_before(measurement, marks))
            ends = np.searchsorted(samples.times, [start_ms, hours.end_ms])
            layers.lay(samples.times[slice(*ends)], samples.values[slice(*ends)])
    replayed.samples = layers.result()
    return replayed


def _stored_between(identity_id: int, name: str, hours: Hours) -> Iterator[Measurement]:
    return (
        Measurement.objects.filter(
            identity_id=identity_id,
            name=name,
            status=Measurement.Status.STORED,
            first_ms__lt=hours.end_ms,
            last_ms__gte=hours.start_ms,
        )
        .order_by("sequence", "id")
        .iterator(chunk_size=_FILES_A_FETCH)
    )


def _pruned_before(measurement: Measurement, marks: Sequence[tuple[int, int]]) -> int:
    reached = (before_ms for sequence, before_ms in marks if sequence >= measurement.sequence)
    return max(reached, default=0)
