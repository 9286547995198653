"""Blocks in PostgreSQL: lock their series, add, select and rewrite them.

The statements use psycopg's cursor instead of Django's, so that arrays are sent in binary form
straight from numpy.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import psycopg
from numpy.typing import NDArray

from ingest.parsing.samples import US_PER_MS, ColumnSamples
from ingest.storage import pg_arrays, prepared_statements, stored_blocks
from ingest.storage.blocks import HOUR_US, Block
from ingest.storage.overlap_budget import BLOCK_COST, ROW_COST, OverlapBudget
from ingest.storage.pg_arrays import Float8Array, Int2Array, Int4Array
from ingest.storage.stored_blocks import StoredBlock, StoredValues
from ingest.uuid7 import uuid7

# OFFSET keeps the planner to a search for each hour: a join would read all blocks of the identity.
_BLOCK_TIMES = """
SELECT b.* FROM unnest($2::text[], $3::integer[]) AS h(name, hour) CROSS JOIN LATERAL (
    SELECT b.id, b.name, b.hour, b.first_ms, b.last_ms, b.sample_count, b.compacted
    FROM ingest_sampleblock b
    WHERE b.identity_id = $1::bigint AND b.name = h.name AND b.hour = h.hour OFFSET 0
) AS b
LIMIT $4::bigint
"""
_BLOCKS = f"""
SELECT b.id, {stored_blocks.COLUMNS}
FROM ingest_sampleblock b
WHERE b.identity_id = $1::bigint AND b.id = ANY($2::uuid[])
"""  # noqa: S608 - names of columns
_HOURS_PER_QUERY = 1_000
_SAMPLES_PER_QUERY = 500_000
# PostgreSQL has room for some thousands of locks in all, and a request may have as many series.
LOCKS_PER_IDENTITY = 128
_REWRITE = """
UPDATE ingest_sampleblock
SET scale = $3::smallint, "values" = $4, integers = $5, small_integers = $6, differences = $7,
    minimum = $8, maximum = $9, total = $10, compacted = false
WHERE identity_id = $1::bigint AND id = $2
"""
_COLUMNS = (
    "id, identity_id, name, hour, first_ms, last_ms, sample_count, "
    'minimum, maximum, total, encoding, offsets, time_steps, scale, "values", integers, '
    "small_integers, differences"
)
# A column's storage setting decides whether a value is compressed when its row is written, and a
# compressed value stays compressed when it is copied to another table.
_COMPRESSING_TABLE = """
CREATE TEMPORARY TABLE IF NOT EXISTS compressing
(LIKE ingest_sampleblock INCLUDING DEFAULTS EXCLUDING STORAGE)
"""
_TAKE_COMPRESSED = f"""
INSERT INTO ingest_sampleblock ({_COLUMNS}, compacted) SELECT {_COLUMNS}, true FROM compressing
"""  # noqa: S608 - names of columns
_HAS_BLOCKS = "SELECT 1 FROM ingest_sampleblock WHERE identity_id = $1 AND name = $2 LIMIT 1"
_ADD_SERIES = "INSERT INTO ingest_series (identity_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_DELETE_SERIES = "DELETE FROM ingest_series WHERE identity_id = $1 AND name = $2"
_COPY_TYPES = [
    "uuid", "int8", "varchar", "int4", "int8", "int8", "int4",
    "float8", "float8", "float8", "int2", "int4[]", "int2[]", "int2", "float8[]", "int4[]",
    "int2[]", "bytea",
]  # fmt: skip


def _cursor() -> psycopg.RawCursor[Any]:
    cursor: psycopg.RawCursor[Any] = psycopg.RawCursor(prepared_statements.open_session())
    pg_arrays.register(cursor.adapters)
    return cursor


def series_lock(identity_id: int, name: str) -> int:
    """Return the key of the advisory lock of a series, which it may share with others.

    An identity has ``LOCKS_PER_IDENTITY`` locks, however many series it has.
    """
    place = hashlib.sha256(name.encode()).digest()[0] % LOCKS_PER_IDENTITY
    digest = hashlib.sha256(b"series\0%d\0%d" % (identity_id, place)).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def list_locks(identity_id: int, names: Iterable[str]) -> list[int]:
    """Return the keys of the locks of these series in the order in which all writers take them."""
    return sorted({series_lock(identity_id, name) for name in names})


def lock(identity_id: int, names: Iterable[str]) -> None:
    """Wait for the locks of these series, and hold them until the transaction ends.

    Call it in a transaction: later statements see what another writer committed. Two writers never
    wait for each other, since all take the locks in one order.
    """
    cursor = _cursor()
    for key in list_locks(identity_id, names):
        cursor.execute("SELECT pg_advisory_xact_lock($1)", [key])


def try_lock(identity_id: int, name: str) -> bool:
    """Take the lock of a series as ``lock`` does, without waiting; return whether it was free."""
    cursor = _cursor()
    cursor.execute("SELECT pg_try_advisory_xact_lock($1)", [series_lock(identity_id, name)])
    row = cursor.fetchone()
    return bool(row and row[0])


def update_series(identity_id: int, name: str) -> None:
    """Make the table of series agree with the blocks of one series, after they were changed.

    Call it in the transaction that changed them, with the lock of the series.
    """
    cursor = _cursor()
    has_blocks = cursor.execute(_HAS_BLOCKS, [identity_id, name]).fetchone() is not None
    cursor.execute(_ADD_SERIES if has_blocks else _DELETE_SERIES, [identity_id, name])


def copy_blocks(identity_id: int, blocks: Sequence[tuple[str, Block]]) -> None:
    """Add blocks, each with the name of its series, uncompressed.

    They have no timestamp in common with a stored block. ``ingest_store_file`` adds the rows of
    new series; other callers call ``update_series``.
    """
    _copy("ingest_sampleblock", identity_id, blocks)


def copy_blocks_compressed(identity_id: int, blocks: Sequence[tuple[str, Block]]) -> None:
    """Add blocks as ``copy_blocks`` does, compressed and marked as compacted.

    To be called in a transaction.
    """
    cursor = _cursor()
    cursor.execute(_COMPRESSING_TABLE)
    _copy("compressing", identity_id, blocks)
    cursor.execute(_TAKE_COMPRESSED)
    cursor.execute("DELETE FROM compressing")


def _copy(
    table: Literal["ingest_sampleblock", "compressing"],
    identity_id: int,
    blocks: Sequence[tuple[str, Block]],
) -> None:
    if not blocks:
        return
    with _cursor().copy(f"COPY {table} ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(_COPY_TYPES)
        for name, block in blocks:
            stored = stored_blocks.encode(block, smallest=table == "compressing")
            copy.write_row(
                (
                    uuid7(),
                    identity_id,
                    name,
                    block.hour,
                    block.first_ms,
                    block.last_ms,
                    len(block.values),
                    stored.minimum,
                    block.maximum,
                    block.total,
                    stored.encoding,
                    None if stored.offsets is None else Int4Array(stored.offsets),
                    None if stored.time_steps is None else Int2Array(stored.time_steps),
                    *_values_parameters(stored),
                )
            )


def _values_parameters(stored: StoredBlock | StoredValues) -> tuple[object, ...]:
    """Return scale, doubles, integers, small integers and differences as parameters of psycopg."""
    values, integers, small = stored.values, stored.integers, stored.small_integers
    return (
        stored.scale,
        None if values is None else Float8Array(values),
        None if integers is None else Int4Array(integers),
        None if small is None else Int2Array(small),
        stored.differences,
    )


def overlapping(
    identity_id: int, samples: Mapping[str, ColumnSamples], budget: OverlapBudget
) -> Iterator[list[tuple[str, uuid.UUID, Block]]]:
    """Yield the stored blocks between whose first and last time a sample of their series lies.

    ``samples`` has those of each series; with a block come its series and id. Only blocks of hours
    with samples are read, in batches. Raises ``OverlapTooLarge`` and ``HourNotCompacted``.
    """
    hours = [
        (name, hour)
        for name, each in samples.items()
        for hour in np.unique(each.times // HOUR_US).tolist()
    ]
    batch: dict[uuid.UUID, str] = {}
    count = 0
    for start in range(0, len(hours), _HOURS_PER_QUERY):
        some = [
            list(column) for column in zip(*hours[start : start + _HOURS_PER_QUERY], strict=True)
        ]
        most = budget.left // ROW_COST + 1
        rows = _cursor().execute(_BLOCK_TIMES, [identity_id, *some, most]).fetchall()
        for block_id, name, hour, first_ms, last_ms, sample_count, is_compacted in rows:
            is_between = _is_any_between(samples[name].times, first_ms, last_ms)
            cost = sample_count + BLOCK_COST if is_between else ROW_COST
            budget.spend(name, hour, cost, is_compacted=is_compacted)
            if not is_between:
                continue
            batch[block_id] = name
            count += sample_count
            if count >= _SAMPLES_PER_QUERY:
                yield _load(identity_id, batch)
                batch, count = {}, 0
    if batch:
        yield _load(identity_id, batch)


def _is_any_between(times_us: NDArray[np.int64], first_ms: int, last_ms: int) -> bool:
    start = int(np.searchsorted(times_us, first_ms * US_PER_MS))
    return start < len(times_us) and int(times_us[start]) < (last_ms + 1) * US_PER_MS


def _load(identity_id: int, names: Mapping[uuid.UUID, str]) -> list[tuple[str, uuid.UUID, Block]]:
    rows = _cursor().execute(_BLOCKS, [identity_id, list(names)], binary=True).fetchall()
    return [
        (names[block_id], block_id, StoredBlock(*columns).decode()) for block_id, *columns in rows
    ]


def rewrite(identity_id: int, blocks: Sequence[tuple[uuid.UUID, Block]]) -> None:
    """Replace the values of stored blocks; their timestamps stay."""
    rows = [
        [
            identity_id,
            block_id,
            *_values_parameters(stored_blocks.encode_values(block.values)),
            block.minimum,
            block.maximum,
            block.total,
        ]
        for block_id, block in blocks
    ]
    if rows:
        _cursor().executemany(_REWRITE, rows)  # in one pipeline, without waiting for each
