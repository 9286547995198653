"""Replay a series: read its stored files in order and overlay them on each other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.db import connection

from ingest.models import Measurement, PruneWatermark
from ingest.parsing.samples import US_PER_MS
from ingest.storage.file_overlay import (
    Hours,
    Layered,
    Layers,
    Span,
    plan_runs,
)
from ingest.storage.stored_files import (
    SERIES_FILES,
    files_of_series,
    load_samples,
    series_parameters,
)

# Few at a time: each file may be as large as a request.
_FILES_PER_FETCH = 20

_FILE_SPANS = f"""
SELECT (m.first_ms / 3600000)::int, (m.last_ms / 3600000)::int, sum(m.lines)::bigint, count(*)
FROM ingest_measurement m
WHERE {SERIES_FILES} AND m.status = 'stored'
GROUP BY 1, 2
"""  # noqa: S608 - constants only
_COLUMNS = """
SELECT DISTINCT m.name || '.' || unnest(m.columns)
FROM ingest_measurement m WHERE m.identity_id = %s AND m.columns IS NOT NULL
"""
_BLOCK_SPANS = """
SELECT hour, hour, sum(sample_count)::bigint, 0
FROM ingest_sampleblock
WHERE identity_id = %s AND name = %s
GROUP BY hour
"""
# Each step jumps to the next name in the index.
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
    """A stored file whose content is not what was received, and the fault found."""

    id: uuid.UUID
    name: str
    fault: str


@dataclass(slots=True)
class Replayed:
    """The samples of a range of hours by the files; damaged files as far as readable."""

    samples: Layered = field(default_factory=lambda: Layers().result())
    files: int = 0
    damaged: list[DamagedOriginal] = field(default_factory=list)


def series_names(identity_id: int) -> list[str]:
    """Return the names of which an identity has files (also rejected ones), blocks or series.

    A file of several columns adds its own name, which has no samples, and that of each column.
    """
    names: set[str] = set()
    with connection.cursor() as cursor:
        for table in ("ingest_measurement", "ingest_sampleblock", "ingest_series"):
            cursor.execute(_NAMES.format(table=table), [identity_id, identity_id])
            names.update(name for (name,) in cursor.fetchall())
        cursor.execute(_COLUMNS, [identity_id])
        names.update(name for (name,) in cursor.fetchall())
    return sorted(names)


def plan(identity_id: int, name: str, max_samples: int) -> list[Hours]:
    """Return the ranges of hours that contain a series, of about ``max_samples`` samples each."""
    spans: list[Span] = []
    with connection.cursor() as cursor:
        cursor.execute(_FILE_SPANS, series_parameters(identity_id, name))
        spans += [Span(*row) for row in cursor.fetchall()]
        cursor.execute(_BLOCK_SPANS, [identity_id, name])
        spans += [Span(*row) for row in cursor.fetchall()]
    return list(plan_runs(spans, max_samples))


def replay(identity_id: int, name: str, hours: Hours) -> Replayed:
    """Return the samples of ``hours`` by the stored files of the series.

    To be called in a transaction that holds the series' lock, or in a snapshot. An upload commits
    its file and blocks together, so both see the two or neither.
    """
    layers, replayed = Layers(), Replayed()
    watermarks = list(
        PruneWatermark.objects.filter(identity_id=identity_id, name=name).values_list(
            "sequence", "before_ms"
        )
    )
    for measurement in _stored_between(identity_id, name, hours):
        samples, fault = load_samples(measurement, name)
        if fault:
            replayed.damaged.append(DamagedOriginal(measurement.pk, name, fault))
        replayed.files += 1
        if samples is not None:
            start_ms = max(hours.start_ms, _pruned_before(measurement, watermarks))
            ends = np.searchsorted(samples.times, [start_ms * US_PER_MS, hours.end_ms * US_PER_MS])
            layers.lay(samples.times[slice(*ends)], samples.values[slice(*ends)])
    replayed.samples = layers.result()
    return replayed


def _stored_between(identity_id: int, name: str, hours: Hours) -> Iterator[Measurement]:
    return (
        files_of_series(identity_id, name)
        .filter(
            status=Measurement.Status.STORED,
            first_ms__lt=hours.end_ms,
            last_ms__gte=hours.start_ms,
        )
        .order_by("sequence", "id")
        .iterator(chunk_size=_FILES_PER_FETCH)
    )


def _pruned_before(measurement: Measurement, watermarks: Sequence[tuple[int, int]]) -> int:
    times = (before_ms for sequence, before_ms in watermarks if sequence >= measurement.sequence)
    return max(times, default=0)
