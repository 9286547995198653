"""Compress stored files again at a higher level, when compaction has nothing else to do.

An upload compresses at the level that costs it least. A level that takes fifty times as long makes
numbers a third smaller, so it is used afterwards, in idle time. Files are taken in the order of
their ids, each once: ``RecompressionProgress`` holds the last one. A file that was committed late
behind it keeps its first form, which is as good a file.

An update moves a row to another page, and new rows fill its place. The BRIN indexes of the table
count on rows that lie in the order of their times, so files older than ``MAX_AGE`` are left where
they are, and small ones, whose content is in the row itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pyarrow as pa
from django.db import connection
from django.utils import timezone

from ingest.models import Measurement, RecompressionProgress
from ingest.storage import stored_files
from ingest.uuid7 import uuid7_floor

LEVEL = 15
MIN_AGE = timedelta(minutes=10)  # devices of an outage send in bursts: leave them the processor
MAX_AGE = timedelta(days=1)
CLOCK_TOLERANCE = timedelta(minutes=1)  # ids of other hosts, whose clocks may be ahead
MIN_BYTES = 2_000  # of compressed content, which PostgreSQL then keeps outside the row
MIN_GAIN = 0.05
FILES_PER_FETCH = 50

_codec = pa.Codec("zstd", compression_level=LEVEL)

# The length tells whether another process has done the same meanwhile.
_REPLACE = """
UPDATE ingest_measurement SET content = %s
WHERE identity_id = %s AND id = %s AND octet_length(content) = %s
"""
_VACUUM = "VACUUM (SKIP_LOCKED) ingest_measurement"


@dataclass(slots=True)
class Recompressed:
    """What a run did; ``damaged`` files are left as they are: ``verify`` reports them."""

    files: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    damaged: int = 0


def recompress(
    seconds: float,
    is_stopping: Callable[[], bool] = lambda: False,
    *,
    include_recent: bool = False,
) -> Recompressed:
    """Compress files again for about ``seconds``, oldest first; return what was done.

    Without ``include_recent``, files younger than ``MIN_AGE`` are left to a later run. The new form
    replaces the old one only once it gives back the bytes of the file's SHA-256. VACUUM follows, so
    that later files reuse the space. Raises ``django.db.Error``.
    """
    done = Recompressed()
    progress, _ = RecompressionProgress.objects.get_or_create(pk=1)
    until = time.monotonic() + seconds
    now = timezone.now()
    before = uuid7_floor(now + CLOCK_TOLERANCE if include_recent else now - MIN_AGE)
    _advance(progress, uuid7_floor(now - MAX_AGE))
    while time.monotonic() < until and not is_stopping():
        batch = Measurement.objects.filter(id__gt=progress.last_id, id__lt=before).order_by("id")
        last = None
        for measurement in batch[:FILES_PER_FETCH].iterator(chunk_size=5):
            if time.monotonic() >= until or is_stopping():
                break
            _recompress_file(measurement, done)
            last = measurement.pk
        if last is None:
            break
        _advance(progress, last)
    if done.bytes_before:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            try:
                cursor.execute(_VACUUM)
            finally:
                cursor.execute("RESET statement_timeout")
    return done


def _recompress_file(measurement: Measurement, done: Recompressed) -> None:
    if len(measurement.content) < MIN_BYTES:
        return
    content, fault = stored_files.load_content(measurement)
    if content is None or fault:
        done.damaged += 1
        return
    before = len(measurement.content)
    measurement.content = _codec.compress(content, asbytes=True)
    after = len(measurement.content)
    if after > before * (1 - MIN_GAIN):
        return
    _, fault = stored_files.load_content(measurement)
    if fault:
        raise AssertionError(f"file {measurement.pk} compressed again: {fault}")
    with connection.cursor() as cursor:
        cursor.execute(
            _REPLACE, [measurement.content, measurement.identity_id, measurement.pk, before]
        )
        if cursor.rowcount:
            done.files += 1
            done.bytes_before += before
            done.bytes_after += after


def _advance(progress: RecompressionProgress, last: UUID) -> None:
    progress.last_id = max(progress.last_id, last)
    RecompressionProgress.objects.filter(pk=progress.pk, last_id__lt=last).update(last_id=last)
