"""Files and blocks in PostgreSQL: the statements of the upload path, by hand.

They go past Django's cursor to psycopg's: parameters travel in binary, arrays straight from
numpy, and each statement is prepared once a connection.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Literal, TypeVar

import numpy as np
import orjson
import psycopg
from django.db import connection
from numpy.typing import NDArray

from ingest import postgres_arrays, wire
from ingest.blocks import Block, Overlay, cut
from ingest.identifiers import uuid7
from ingest.line_errors import LineError
from ingest.measurements import Samples
from ingest.postgres_arrays import Float8Array, Int4Array
from ingest.receipts import Receipt
from ingest.wire import Statement

_T = TypeVar("_T", bound=np.generic)

# The arrays of a file travel whole and are cut by the server, which costs a copy of them a
# block; beyond this many blocks a COPY is cheaper.
MOST_BLOCKS_IN_ONE_STATEMENT = 32

_TYPES = (
    "int8", "int8", "int8", "uuid", "text", "text", "text", "int4", "bytea", "bytea", "text",
    "jsonb", "int4", "int4", "int4", "int4", "int8", "int8", "bool",
    "uuid[]", "int4[]", "int4[]", "float8[]", "float8[]", "float8[]", "int4[]", "float8[]",
)  # fmt: skip
_STORE_FILE = Statement(
    "store_file",
    """
    SELECT * FROM ingest_store_file(
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
        $20, $21, $22, $23, $24, $25, $26, $27
    )
    """,
    _TYPES,
)
_OVERLAPPING = """
SELECT id, hour, offsets_ms, "values"
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
# A table's columns are compressed as their storage says when a row is written to it, and a value
# that is compressed stays so on its way from one table to another.
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


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file read, hashed and compressed: all that does not need the database.

    ``samples`` is None in a rejected file, which has ``errors``. ``overlay`` and ``remaining``
    are set once the file has been laid over stored blocks.
    """

    id: uuid.UUID
    name: str
    filename: str
    content_type: str
    size: int
    sha256: bytes
    content: bytes
    samples: Samples | None
    errors: list[LineError]
    overlay: Overlay | None = None
    blocks: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.samples is not None and self.overlay is None:
            blocks = list(cut(self.samples.times, self.samples.values))
            object.__setattr__(self, "blocks", blocks)

    def laid_over(self, overlay: Overlay, blocks: list[Block]) -> PreparedFile:
        """Return this file with what is left of it to store as ``blocks``."""
        return replace(self, overlay=overlay, blocks=blocks)

    def counts(self) -> tuple[int, int, int, int]:
        """Return samples, new, identical, replaced."""
        if self.samples is None:
            return 0, 0, 0, 0
        lines = self.samples.lines
        if self.overlay is not None:
            return lines, self.overlay.new, self.overlay.identical, self.overlay.replaced
        repeated = self.samples.repeated_identical, self.samples.repeated_replaced
        return lines, len(self.samples.times), *repeated


@dataclass(frozen=True, slots=True)
class Found:
    """What ``ingest_store_file`` returns: see its comment in the database.

    ``first`` holds the columns of the first receipt of a duplicate, in binary form.
    """

    outcome: str
    first: list[bytes | None]

    @property
    def is_stored(self) -> bool:
        """Tell whether the file was stored by this call."""
        return self.outcome == "stored"

    def receipt(self, file: PreparedFile) -> Receipt:
        """Return the receipt of ``file``: its own, or that of the same bytes stored before."""
        if self.is_stored:
            return _new_receipt(file)
        first_id, status, filename, errors, *numbers = self.first
        samples, new, identical, replaced, first_ms, last_ms = map(wire.to_int, numbers)
        rejected = status == b"rejected"
        return Receipt(
            id=uuid.UUID(bytes=first_id),
            name=file.name,
            filename=wire.to_text(filename) or "",
            sha256=file.sha256,
            status="rejected" if rejected else "duplicate",
            samples=samples or 0,
            new=new or 0,
            identical=identical or 0,
            replaced=replaced or 0,
            first_ms=first_ms,
            last_ms=last_ms,
            errors=wire.from_jsonb(errors) if rejected else None,
        )


def _new_receipt(file: PreparedFile) -> Receipt:
    samples, new, identical, replaced = file.counts()
    return Receipt(
        id=file.id,
        name=file.name,
        filename=file.filename,
        sha256=file.sha256,
        status="rejected" if file.samples is None else "stored",
        samples=samples,
        new=new,
        identical=identical,
        replaced=replaced,
        first_ms=file.samples.first_ms if file.samples else None,
        last_ms=file.samples.last_ms if file.samples else None,
        errors=[error.as_json() for error in file.errors] if file.samples is None else None,
    )


def _cursor() -> psycopg.RawCursor[Any]:
    connection.ensure_connection()
    cursor: psycopg.RawCursor[Any] = psycopg.RawCursor(connection.connection)
    postgres_arrays.register(cursor.adapters)
    return cursor


def series_lock(identity_id: int, name: str) -> int:
    """Return the number of the advisory lock of a series."""
    digest = hashlib.sha256(b"series\0%d\0%s" % (identity_id, name.encode())).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock(identity_id: int, names: Sequence[str]) -> None:
    """Wait for the locks of these series, in this order, and hold them to the transaction's end.

    To be called in a transaction: what another writer committed is seen by later statements.
    """
    cursor = _cursor()
    for name in names:
        cursor.execute("SELECT pg_advisory_xact_lock($1)", [series_lock(identity_id, name)])


def store_file(identity_id: int, certificate_id: int, file: PreparedFile) -> Found:
    """Store ``file`` and its blocks unless it is a duplicate, overlaps or is refused.

    More than ``MOST_BLOCKS_IN_ONE_STATEMENT`` blocks take two statements, hence a transaction.
    """
    together = len(file.blocks) <= MOST_BLOCKS_IN_ONE_STATEMENT
    row = wire.execute(
        _STORE_FILE,
        [
            wire.int8(series_lock(identity_id, file.name)),
            wire.int8(identity_id),
            wire.int8(certificate_id),
            *_file_parameters(file),
            *_block_parameters(file.blocks if together else []),
        ],
    )
    if row is None:
        raise AssertionError("a function with OUT parameters returns one row")
    found = Found(wire.to_text(row[0]) or "", row[1:])
    if found.is_stored and not together:
        copy_blocks(identity_id, file.name, file.blocks)
    return found


def _file_parameters(file: PreparedFile) -> list[bytes | None]:
    rejected = file.samples is None
    errors = orjson.dumps([error.as_json() for error in file.errors]) if rejected else None
    return [
        file.id.bytes,
        file.name.encode(),
        file.filename.encode(),
        file.content_type.encode(),
        wire.int4(file.size),
        file.sha256,
        file.content,
        b"rejected" if rejected else b"stored",
        wire.jsonb(errors),
        *map(wire.int4, file.counts()),
        wire.optional_int8(file.samples.first_ms if file.samples else None),
        wire.optional_int8(file.samples.last_ms if file.samples else None),
        wire.boolean(file.overlay is not None),
    ]


def _block_parameters(blocks: Sequence[Block]) -> list[bytes]:
    return [
        wire.uuids([uuid7() for _ in blocks]),
        wire.int4s([block.hour for block in blocks]),
        wire.int4s(list(accumulate(len(block.values) for block in blocks))),
        wire.float8s([block.minimum for block in blocks]),
        wire.float8s([block.maximum for block in blocks]),
        wire.float8s([block.total for block in blocks]),
        postgres_arrays.encode_int4(_joined([block.offsets_ms for block in blocks], _NO_INTS)),
        postgres_arrays.encode_float8(_joined([block.values for block in blocks], _NO_FLOATS)),
    ]


_NO_INTS: NDArray[np.int32] = np.empty(0, dtype=np.int32)
_NO_FLOATS: NDArray[np.float64] = np.empty(0, dtype=np.float64)


def _joined(arrays: list[NDArray[_T]], nothing: NDArray[_T]) -> NDArray[_T]:
    if not arrays:
        return nothing
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def copy_blocks(identity_id: int, name: str, blocks: Sequence[Block]) -> None:
    """Add ``blocks``, which share no timestamp with a stored one, as they are."""
    _copy("ingest_sampleblock", identity_id, name, blocks)


def copy_blocks_compressed(identity_id: int, name: str, blocks: Sequence[Block]) -> None:
    """Add ``blocks`` as ``copy_blocks`` does, compressed and marked as compacted.

    To be called in a transaction.
    """
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
                    Int4Array(block.offsets_ms),
                    Float8Array(block.values),
                    1,
                )
            )


def overlapping(identity_id: int, name: str, samples: Samples) -> list[tuple[uuid.UUID, Block]]:
    """Return id and content of the blocks that overlap ``samples`` in time."""
    parameters = [identity_id, name, samples.first_ms, samples.last_ms]
    rows = _cursor().execute(_OVERLAPPING, parameters, binary=True).fetchall()
    return [(row[0], Block(row[1], row[2], row[3])) for row in rows]


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
