"""Delete old files and blocks of a series in steps that keep the series consistent.

A step is one transaction under the lock of the series. It deletes what is older than a time and
leaves a watermark there, which verification and rebuild respect: a file that spans the watermark
is kept whole, but its older samples are deleted for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection
from django.db.models import F

from ingest.maintenance import series_changes
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.models import DataDeletion
from ingest.storage import block_store, summary_store
from ingest.storage.blocks import HOUR_MS

BLOCKS_PER_STEP = 20_000

_NEXT_HOUR = """
SELECT hour FROM ingest_sampleblock
WHERE identity_id = %s AND name = %s AND hour < %s
ORDER BY hour OFFSET %s LIMIT 1
"""
_DELETE_BLOCKS = """
WITH deleted AS (
    DELETE FROM ingest_sampleblock
    WHERE identity_id = %s AND name = %s AND hour < %s
    RETURNING sample_count, first_ms, last_ms
)
SELECT count(*), coalesce(sum(sample_count), 0)::bigint, min(first_ms), max(last_ms) FROM deleted
"""
_OLD_FILES = """
FROM ingest_measurement m
WHERE m.identity_id = %s AND m.name = %s AND m.status IN ('stored', 'withdrawn')
  AND m.last_ms < %s
"""
_DELETE_WITHDRAWALS = f"""
DELETE FROM ingest_withdrawal WHERE measurement_id IN (SELECT m.id {_OLD_FILES})
"""  # noqa: S608 - constants only
_DELETE_FILES = f"""
WITH deleted AS (
    DELETE {_OLD_FILES} RETURNING octet_length(m.content) AS bytes, m.first_ms, m.last_ms
)
SELECT count(*), coalesce(sum(bytes), 0)::bigint, min(first_ms), max(last_ms) FROM deleted
"""  # noqa: S608 - constants only
_COUNT_BLOCKS = """
SELECT count(*), coalesce(sum(sample_count), 0)::bigint FROM ingest_sampleblock
WHERE identity_id = %s AND name = %s AND hour < %s
"""
_COUNT_FILES = f"""
SELECT count(*), coalesce(sum(octet_length(m.content)), 0)::bigint {_OLD_FILES}
"""
_DELETE_CONFLICTS = """
DELETE FROM ingest_sampleconflict WHERE identity_id = %s AND name = %s AND last_ms < %s
"""
_DELETE_LOWER_WATERMARKS = """
DELETE FROM ingest_prunewatermark WHERE identity_id = %s AND name = %s AND before_ms <= %s
"""
# Later files wait for the lock of the series, so they get a greater sequence number.
_ADD_WATERMARK = """
INSERT INTO ingest_prunewatermark (identity_id, name, sequence, before_ms)
VALUES (%s, %s, nextval('ingest_measurement_sequence'), %s)
"""


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of data; ``file_bytes`` as stored, compressed."""

    blocks: int = 0
    samples: int = 0
    files: int = 0
    file_bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.blocks + other.blocks,
            self.samples + other.samples,
            self.files + other.files,
            self.file_bytes + other.file_bytes,
        )

    def __bool__(self) -> bool:
        return bool(self.blocks or self.files)


def count_before(identity_id: int, name: str, before_hour: int) -> Amount:
    """Return what ``delete_before`` would delete."""
    with transaction_without_timeouts(), connection.cursor() as cursor:
        cursor.execute(_COUNT_BLOCKS, [identity_id, name, before_hour])
        blocks, samples = cursor.fetchone()
        cursor.execute(_COUNT_FILES, [identity_id, name, before_hour * HOUR_MS])
        files, file_bytes = cursor.fetchone()
    return Amount(blocks, samples, files, file_bytes)


def delete_before(
    identity_id: int, name: str, before_hour: int, record: DataDeletion
) -> Iterator[Amount]:
    """Delete all samples before an hour, and the files without later ones; yield each step.

    Each step adds its amount to ``record``, a stored row, in the transaction that deletes. Raises
    ``django.db.Error``. Not to be called in a transaction.
    """
    reached = 0
    while reached < before_hour:
        reached = _end_of_step(identity_id, name, before_hour)
        with transaction_without_timeouts():
            block_store.lock(identity_id, [name])
            amount = _delete(identity_id, name, reached)
            add_to(record, amount)
        yield amount


def add_to(record: DataDeletion, amount: Amount) -> None:
    DataDeletion.objects.filter(pk=record.pk).update(
        blocks=F("blocks") + amount.blocks,
        samples=F("samples") + amount.samples,
        files=F("files") + amount.files,
        file_bytes=F("file_bytes") + amount.file_bytes,
    )


def _end_of_step(identity_id: int, name: str, before_hour: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_HOUR, [identity_id, name, before_hour, BLOCKS_PER_STEP])
        row = cursor.fetchone()
    # Includes the hour of the block after this step, so that each step advances.
    return before_hour if row is None else int(row[0]) + 1


def _delete(identity_id: int, name: str, before_hour: int) -> Amount:
    before_ms = before_hour * HOUR_MS
    series = (identity_id, name)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_BLOCKS, (*series, before_hour))
        blocks, samples, *block_ends = cursor.fetchone()
        summary_store.delete_summaries(identity_id, name, (0, before_hour - 1))
        cursor.execute(_DELETE_WITHDRAWALS, (*series, before_ms))
        cursor.execute(_DELETE_FILES, (*series, before_ms))
        files, file_bytes, *file_ends = cursor.fetchone()
        cursor.execute(_DELETE_CONFLICTS, (*series, before_ms))
        amount = Amount(blocks, samples, files, file_bytes)
        block_store.update_series(identity_id, name)
        if amount:
            cursor.execute(_DELETE_LOWER_WATERMARKS, (*series, before_ms))
            cursor.execute(_ADD_WATERMARK, (*series, before_ms))
            ends = [time for time in (*block_ends, *file_ends) if time is not None]
            series_changes.record(series_changes.Kind.ERASED, *series, min(ends), max(ends))
    return amount
