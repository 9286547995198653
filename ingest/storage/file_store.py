"""Store a measurement file and its blocks by one statement, ``ingest_store_file``.

Parameters are binary, arrays come straight from numpy, and each connection prepares the statement
once.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

import numpy as np
import orjson
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from ingest.receipts import Receipt
from ingest.storage import block_store, pg_arrays, prepared_statements
from ingest.storage.blocks import Block
from ingest.storage.prepared_files import PreparedFile
from ingest.storage.prepared_statements import Statement
from ingest.storage.timestamp_encoding import pack
from ingest.uuid7 import uuid7

_T = TypeVar("_T", bound=np.generic)

# The server splits a file's arrays into blocks, at the cost of one copy of the arrays per block;
# beyond this many blocks a COPY is cheaper.
MAX_BLOCKS_IN_ONE_STATEMENT = 32

_TYPES = (
    "int8", "int8", "int8", "uuid", "text", "text", "text", "int4", "bytea", "bytea", "text",
    "jsonb", "text[]", "jsonb", "int4[]", "int8", "int8", "bool",
    "uuid[]", "int4[]", "int8[]", "int8[]", "int4[]", "int4[]", "int4[]",
    "float8[]", "float8[]", "float8[]", "int4[]", "float8[]",
)  # fmt: skip
_PLACEHOLDERS = ", ".join(f"${number}" for number, _ in enumerate(_TYPES, start=1))
_STORE_FILE = Statement(
    "store_file",
    f"SELECT * FROM ingest_store_file({_PLACEHOLDERS})",  # noqa: S608 - placeholders
    _TYPES,
)
_FIND_FIRST = Statement(
    "find_first",
    """
    SELECT m.id, m.status, m.filename, m.errors, m.series, m.lines, m.samples, m.new,
           m.identical, m.replaced, m.repeated, m.rounded, m.first_ms, m.last_ms
    FROM ingest_measurement m
    WHERE m.identity_id = $1 AND m.name = $2 AND m.sha256 = $3
    """,
    ("int8", "text", "bytea"),
)

# The partial index of rejected files yields them newest first; the length of content that is
# stored out of line is known without fetching it. The newest stays however large it is.
_DELETE_EXCESS_REJECTED = """
DELETE FROM ingest_measurement
WHERE identity_id = %(identity_id)s AND status = 'rejected' AND id IN (
    SELECT ranked.id FROM (
        SELECT m.id, row_number() OVER newest_first AS place,
               sum(octet_length(m.content)) OVER newest_first AS bytes
        FROM ingest_measurement m
        WHERE m.identity_id = %(identity_id)s AND m.status = 'rejected'
        WINDOW newest_first AS (ORDER BY m.id DESC ROWS UNBOUNDED PRECEDING)
    ) ranked
    WHERE ranked.place > %(files)s OR (ranked.place > 1 AND ranked.bytes > %(bytes)s)
)
"""


@dataclass(frozen=True, slots=True)
class StoreResult:
    """The result of ``ingest_store_file``: see its comment in the database.

    ``first_receipt`` holds the columns of a duplicate's first receipt, in binary form.
    """

    outcome: str
    first_receipt: list[bytes | None]

    @property
    def is_stored(self) -> bool:
        return self.outcome == "stored"

    def receipt(self, file: PreparedFile) -> Receipt:
        """Return the receipt of ``file``: a new one, or that of the same bytes stored before."""
        return file.receipt() if self.is_stored else _read_receipt(file, self.first_receipt)


def _read_receipt(file: PreparedFile, row: Sequence[bytes | None]) -> Receipt:
    first_id, status, filename, errors, series, *numbers = row
    *counts, first_ms, last_ms = map(prepared_statements.to_int, numbers)
    lines, samples, new, identical, replaced, repeated, rounded = (count or 0 for count in counts)
    is_rejected = status == b"rejected"
    return Receipt(
        id=uuid.UUID(bytes=first_id),
        name=file.name,
        filename=prepared_statements.to_text(filename) or "",
        sha256=file.sha256,
        status="rejected" if is_rejected else "duplicate",
        lines=lines,
        samples=samples,
        new=new,
        identical=identical,
        replaced=replaced,
        repeated=repeated,
        rounded=rounded,
        first_ms=first_ms,
        last_ms=last_ms,
        series=prepared_statements.from_jsonb(series),
        errors=prepared_statements.from_jsonb(errors) if is_rejected else None,
    )


def find_first_receipt(identity_id: int, file: PreparedFile) -> Receipt | None:
    """Return the receipt of the same bytes under the same name, None if they are new."""
    parameters = [prepared_statements.int8(identity_id), file.name.encode(), file.sha256]
    row = prepared_statements.execute(_FIND_FIRST, parameters)
    return None if row is None else _read_receipt(file, row)


def store_file(
    identity_id: int, certificate_id: int, file: PreparedFile, *, is_overlaid: bool = False
) -> StoreResult:
    """Store ``file`` and its blocks unless it is a duplicate, overlaps or is refused.

    The overlap with stored blocks is checked unless ``is_overlaid``. Files of several columns
    have to be overlaid first. More than ``MAX_BLOCKS_IN_ONE_STATEMENT`` blocks, or several
    columns, take two statements, hence a transaction.
    """
    blocks = [(series.name, block) for series in file.series for block in series.blocks]
    in_one_statement = file.columns is None and len(blocks) <= MAX_BLOCKS_IN_ONE_STATEMENT
    row = prepared_statements.execute(
        _STORE_FILE,
        [
            prepared_statements.int8(block_store.series_lock(identity_id, file.name)),
            prepared_statements.int8(identity_id),
            prepared_statements.int8(certificate_id),
            *_file_parameters(file),
            prepared_statements.boolean(is_overlaid),
            *_block_parameters([block for _, block in blocks] if in_one_statement else []),
        ],
    )
    if row is None:
        raise AssertionError("a function with OUT parameters returns one row")
    result = StoreResult(prepared_statements.to_text(row[0]) or "", row[1:])
    if result.is_stored and not in_one_statement:
        block_store.copy_blocks(identity_id, blocks)
    return result


def _file_parameters(file: PreparedFile) -> list[bytes | None]:
    receipt = file.receipt()
    errors = None if receipt.errors is None else orjson.dumps(receipt.errors)
    series = None if receipt.series is None else orjson.dumps(receipt.series)
    return [
        file.id.bytes,
        file.name.encode(),
        file.filename.encode(),
        file.content_type.encode(),
        prepared_statements.int4(file.size),
        file.sha256,
        file.content,
        receipt.status.encode(),
        prepared_statements.jsonb(errors),
        None if file.columns is None else prepared_statements.texts(file.columns),
        prepared_statements.jsonb(series),
        prepared_statements.int4s(receipt.counts()),
        prepared_statements.optional_int8(receipt.first_ms),
        prepared_statements.optional_int8(receipt.last_ms),
    ]


def _block_parameters(blocks: Sequence[Block]) -> list[bytes]:
    packed = [pack(block.offsets_us) for block in blocks]
    return [
        prepared_statements.uuids([uuid7() for _ in blocks]),
        prepared_statements.int4s([block.hour for block in blocks]),
        prepared_statements.int8s([block.first_ms for block in blocks]),
        prepared_statements.int8s([block.last_ms for block in blocks]),
        prepared_statements.int4s([encoding for encoding, _ in packed]),
        prepared_statements.int4s(list(accumulate(len(offsets) for _, offsets in packed))),
        prepared_statements.int4s(list(accumulate(len(block.values) for block in blocks))),
        prepared_statements.float8s([block.minimum for block in blocks]),
        prepared_statements.float8s([block.maximum for block in blocks]),
        prepared_statements.float8s([block.total for block in blocks]),
        pg_arrays.encode_int4(_concatenate([offsets for _, offsets in packed], _NO_INTS)),
        pg_arrays.encode_float8(_concatenate([block.values for block in blocks], _NO_FLOATS)),
    ]


_NO_INTS: NDArray[np.int32] = np.empty(0, dtype=np.int32)
_NO_FLOATS: NDArray[np.float64] = np.empty(0, dtype=np.float64)


def _concatenate(arrays: list[NDArray[_T]], empty: NDArray[_T]) -> NDArray[_T]:
    if not arrays:
        return empty
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def delete_excess_rejected(identity_id: int) -> int:
    """Delete the oldest rejected files of an identity beyond the limits; return how many.

    Runs after a file was rejected, never for a stored one. A deleted file loses its receipt: the
    same bytes sent again are read again.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _DELETE_EXCESS_REJECTED,
            {
                "identity_id": identity_id,
                "files": settings.MAX_REJECTED_FILES_PER_IDENTITY,
                "bytes": settings.MAX_REJECTED_BYTES_PER_IDENTITY,
            },
        )
        return int(cursor.rowcount)
