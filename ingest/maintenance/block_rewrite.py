"""Read and replace the blocks of whole hours, for compaction, rebuild and verification.

To be called in a transaction that holds the lock of the series; ``read_rows`` also in a snapshot.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection

from ingest.storage import block_store, pg_arrays, summary_store
from ingest.storage.blocks import Block
from ingest.storage.stored_blocks import COLUMNS, StoredBlock


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A row of ``ingest_sampleblock``; ``block`` is None where it cannot be decoded.

    ``fault`` then says why.
    """

    id: uuid.UUID
    last_ms: int
    maximum: float
    total: float
    stored: StoredBlock
    block: Block | None
    fault: str


# Of so many samples 200 blocks are merged in some hundredths of a second.
SMALL_BLOCK_SAMPLES = 512

_ROWS = """
SELECT b.id, b.last_ms, b.maximum, b.total, {columns}
FROM ingest_sampleblock b
WHERE b.identity_id = %s AND b.name = %s AND b.hour BETWEEN %s AND %s
ORDER BY b.hour, {order}
LIMIT %s
"""
_SMALL_ROWS = f"""
SELECT b.id, b.last_ms, b.maximum, b.total, {COLUMNS}
FROM ingest_sampleblock b
WHERE b.identity_id = %s AND b.name = %s AND b.hour = %s AND NOT b.compacted
  AND b.sample_count <= {SMALL_BLOCK_SAMPLES}
LIMIT %s
"""  # noqa: S608 - names of columns and a number
_ROWS_OF_HOURS = f"""
SELECT b.id, b.last_ms, b.maximum, b.total, {COLUMNS}
FROM ingest_sampleblock b
WHERE b.identity_id = %s AND b.name = %s AND b.hour = ANY(%s::int[])
"""  # noqa: S608 - names of columns
_MEASURE = """
SELECT count(*), coalesce(sum(b.sample_count), 0) FROM (
    SELECT b.sample_count FROM ingest_sampleblock b
    WHERE b.identity_id = %s AND b.name = %s AND b.hour = ANY(%s::int[]) LIMIT %s
) AS b
"""
_DELETE = "DELETE FROM ingest_sampleblock WHERE identity_id = %s AND id = ANY(%s)"
_DELETE_HOURS = """
DELETE FROM ingest_sampleblock
WHERE identity_id = %s AND name = %s AND hour BETWEEN %s AND %s
  AND (%s::int[] IS NULL OR hour = ANY(%s::int[]))
"""


def read_rows(identity_id: int, name: str, first_hour: int, last_hour: int) -> list[BlockRow]:
    """Return the blocks from ``first_hour`` to ``last_hour`` (inclusive), ascending."""
    statement = _ROWS.format(columns=COLUMNS, order="b.first_ms, b.id")
    return _fetch(statement, [identity_id, name, first_hour, last_hour, None])


def read_smallest(identity_id: int, name: str, hour: int, limit: int) -> list[BlockRow]:
    """Return up to ``limit`` blocks of an hour, those with the fewest samples first.

    Of equal ones, those that are not compacted come first.
    """
    statement = _ROWS.format(columns=COLUMNS, order="b.sample_count, b.compacted, b.last_ms")
    return _fetch(statement, [identity_id, name, hour, hour, limit])


def read_small(identity_id: int, name: str, hour: int, limit: int) -> list[BlockRow]:
    """Return up to ``limit`` blocks of an hour that are small and not compacted."""
    return _fetch(_SMALL_ROWS, [identity_id, name, hour, limit])


def read_hours(identity_id: int, name: str, hours: Sequence[int]) -> list[BlockRow]:
    """Return the blocks of ``hours``, in any order."""
    return _fetch(_ROWS_OF_HOURS, [identity_id, name, list(hours)])


def measure_hours(identity_id: int, name: str, hours: Sequence[int], limit: int) -> tuple[int, int]:
    """Return how many blocks ``hours`` have and their samples, counting up to ``limit`` blocks."""
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, [identity_id, name, list(hours), limit])
        blocks, samples = cursor.fetchone()
    return int(blocks), int(samples)


def replace_blocks(
    identity_id: int,
    name: str,
    old: Sequence[BlockRow],
    new: Sequence[Block],
    *,
    is_compacted: bool,
) -> None:
    """Replace ``old`` blocks by ``new`` ones, compressed or plain."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [identity_id, [row.id for row in old]])
        if cursor.rowcount != len(old):
            raise AssertionError("a block was changed without the lock of its series")
    copy = block_store.copy_blocks_compressed if is_compacted else block_store.copy_blocks
    copy(identity_id, [(name, block) for block in new])


def replace_hours(
    identity_id: int,
    name: str,
    hours: tuple[int, int],
    blocks: Sequence[Block],
    only: Collection[int] | None = None,
) -> int:
    """Replace all blocks of ``hours`` by ``blocks``; return the number of replaced ones.

    ``hours`` are the first and the last. With ``only``, other hours do not change. The summaries of
    these hours are deleted.
    """
    selected = None if only is None else list(only)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_HOURS, [identity_id, name, *hours, selected, selected])
        deleted = int(cursor.rowcount)
    summary_store.delete_summaries(identity_id, name, hours, only)
    block_store.copy_blocks(identity_id, [(name, block) for block in blocks])
    block_store.update_series(identity_id, name)
    return deleted


def _fetch(statement: str, parameters: list[object]) -> list[BlockRow]:
    connection.ensure_connection()
    # Django's cursor fetches text; numpy arrays are made from PostgreSQL's binary form.
    with connection.wrap_database_errors, psycopg.Cursor[Any](connection.connection) as cursor:
        pg_arrays.register(cursor.adapters)
        cursor.execute(statement, parameters, binary=True)
        return [_to_row(row) for row in cursor.fetchall()]


def _to_row(columns: tuple[Any, ...]) -> BlockRow:
    block_id, last_ms, maximum, total, *form = columns
    stored = StoredBlock(*form)
    try:
        block, fault = stored.decode(), ""
    except ValueError as error:
        block, fault = None, str(error)
    return BlockRow(block_id, last_ms, maximum, total, stored, block, fault)
