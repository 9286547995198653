"""Blocks in PostgreSQL: lock their series, add, select and rewrite them.

The statements use psycopg's cursor instead of Django's, so that arrays are sent in binary form
straight from numpy.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any, Literal

import psycopg
from django.db import connection

from ingest.parsing.sample_file import Samples
from ingest.storage import pg_arrays
from ingest.storage.blocks import Block
from ingest.storage.pg_arrays import Float8Array, Int4Array
from ingest.storage.timestamp_encoding import pack, unpack
from ingest.uuid7 import uuid7

_OVERLAPPING = """
SELECT id, hour, encoding, offsets_ms, "values"
FROM ingest_sampleblock
WHERE identity_id = $1::bigint AND name = $2
  AND (hour, last_ms) >= (($3::bigint / 3600000)::integer, $3::bigint)
  AND hour <= ($4::bigint / 3600000)::integer
  AND first_ms <= $4::bigint
"""
_REWRITE = """
UPDATE ingest_sampleblock
SET "values" = $3, minimum = $4, maximum = $5, total = $6, compacted = false
WHERE identity_id = $1::bigint AND id = $2
"""
_COLUMNS = (
    "id, identity_id, name, hour, first_ms, last_ms, sample_count, "
    'minimum, maximum, total, offsets_ms, "values", encoding'
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
_COPY_TYPES = [
    "uuid", "int8", "varchar", "int4", "int8", "int8", "int4",
    "float8", "float8", "float8", "int4[]", "float8[]", "int2",
]  # fmt: skip


def _cursor() -> psycopg.RawCursor[Any]:
    connection.ensure_connection()
    cursor: psycopg.RawCursor[Any] = psycopg.RawCursor(connection.connection)
    pg_arrays.register(cursor.adapters)
    return cursor


def series_lock(identity_id: int, name: str) -> int:
    """Return the key of a series' advisory lock."""
    digest = hashlib.sha256(b"series\0%d\0%s" % (identity_id, name.encode())).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock(identity_id: int, names: Sequence[str]) -> None:
    """Wait for the locks of these series, in this order, and hold them until the transaction ends.

    Call it in a transaction: later statements see what another writer committed.
    """
    cursor = _cursor()
    for name in names:
        cursor.execute("SELECT pg_advisory_xact_lock($1)", [series_lock(identity_id, name)])


def copy_blocks(identity_id: int, name: str, blocks: Sequence[Block]) -> None:
    """Add ``blocks``, which share no timestamp with a stored one, not compressed."""
    _copy("ingest_sampleblock", identity_id, name, blocks)


def copy_blocks_compressed(identity_id: int, name: str, blocks: Sequence[Block]) -> None:
    """Add ``blocks`` like ``copy_blocks``, compressed and marked as compacted, in a transaction."""
    cursor = _cursor()
    cursor.execute(_COMPRESSING_TABLE)
    _copy("compressing", identity_id, name, blocks)
    cursor.execute(_TAKE_COMPRESSED)
    cursor.execute("DELETE FROM compressing")


def _copy(
    table: Literal["ingest_sampleblock", "compressing"],
    identity_id: int,
    name: str,
    blocks: Sequence[Block],
) -> None:
    with _cursor().copy(f"COPY {table} ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(_COPY_TYPES)
        for block in blocks:
            encoding, times = pack(block.offsets_ms)
            copy.write_row(
                (
                    uuid7(),
                    identity_id,
                    name,
                    block.hour,
                    block.first_ms,
                    block.last_ms,
                    len(block.values),
                    block.minimum,
                    block.maximum,
                    block.total,
                    Int4Array(times),
                    Float8Array(block.values),
                    encoding,
                )
            )


def overlapping(identity_id: int, name: str, samples: Samples) -> list[tuple[uuid.UUID, Block]]:
    """Return the ids and contents of the blocks that overlap ``samples`` in time."""
    parameters = [identity_id, name, samples.first_ms, samples.last_ms]
    rows = _cursor().execute(_OVERLAPPING, parameters, binary=True).fetchall()
    return [(row[0], Block(row[1], unpack(row[2], row[3], len(row[4])), row[4])) for row in rows]


def rewrite(identity_id: int, blocks: Sequence[tuple[uuid.UUID, Block]]) -> None:
    """Replace the values of stored blocks; their timestamps stay."""
    cursor = _cursor()
    for block_id, block in blocks:
        cursor.execute(
            _REWRITE,
            [
                identity_id,
                block_id,
                Float8Array(block.values),
                block.minimum,
                block.maximum,
                block.total,
            ],
        )
