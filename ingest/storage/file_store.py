"""Store a measurement file and its blocks by one statement, ``ingest_store_file``.

Parameters are binary, arrays come straight from numpy, and each connection prepares the statement
once.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TypeVar

import numpy as np
import orjson
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from ingest.parsing.sample_file import Samples
from ingest.parsing.sample_file_errors import LineError
from ingest.receipts import Receipt
from ingest.storage import block_store, pg_arrays, prepared_statements
from ingest.storage.blocks import Block, Overlay, split_into_blocks
from ingest.storage.prepared_statements import Statement
from ingest.uuid7 import uuid7

_T = TypeVar("_T", bound=np.generic)

# The server splits a file's arrays into blocks, at the cost of one copy of the arrays per block;
# beyond this many blocks a COPY is cheaper.
MAX_BLOCKS_IN_ONE_STATEMENT = 32

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
class PreparedFile:
    """A measurement file read, hashed and compressed: all that needs no database.

    ``samples`` is None in a rejected file, which has ``errors``. ``overlay`` is set once the
    file has been overlaid on stored blocks; ``blocks`` then holds only the samples to add.
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
            blocks = list(split_into_blocks(self.samples.times, self.samples.values))
            object.__setattr__(self, "blocks", blocks)

    def overlaid(self, overlay: Overlay, blocks: list[Block]) -> PreparedFile:
        """Return this file with ``blocks`` as the rest that is still to be stored."""
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

    def receipt(self) -> Receipt:
        """Return the receipt of this file as stored or rejected now."""
        samples, new, identical, replaced = self.counts()
        return Receipt(
            id=self.id,
            name=self.name,
            filename=self.filename,
            sha256=self.sha256,
            status="rejected" if self.samples is None else "stored",
            samples=samples,
            new=new,
            identical=identical,
            replaced=replaced,
            first_ms=self.samples.first_ms if self.samples else None,
            last_ms=self.samples.last_ms if self.samples else None,
            errors=[error.as_json() for error in self.errors] if self.samples is None else None,
        )


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
        if self.is_stored:
            return file.receipt()
        first_id, status, filename, errors, *numbers = self.first_receipt
        samples, new, identical, replaced, first_ms, last_ms = map(
            prepared_statements.to_int, numbers
        )
        rejected = status == b"rejected"
        return Receipt(
            id=uuid.UUID(bytes=first_id),
            name=file.name,
            filename=prepared_statements.to_text(filename) or "",
            sha256=file.sha256,
            status="rejected" if rejected else "duplicate",
            samples=samples or 0,
            new=new or 0,
            identical=identical or 0,
            replaced=replaced or 0,
            first_ms=first_ms,
            last_ms=last_ms,
            errors=prepared_statements.from_jsonb(errors) if rejected else None,
        )


def store_file(identity_id: int, certificate_id: int, file: PreparedFile) -> StoreResult:
    """Store ``file`` and its blocks unless it is a duplicate, overlaps or is refused.

    More than ``MAX_BLOCKS_IN_ONE_STATEMENT`` blocks take two statements, hence a transaction.
    """
    in_one_statement = len(file.blocks) <= MAX_BLOCKS_IN_ONE_STATEMENT
    row = prepared_statements.execute(
        _STORE_FILE,
        [
            prepared_statements.int8(block_store.series_lock(identity_id, file.name)),
            prepared_statements.int8(identity_id),
            prepared_statements.int8(certificate_id),
            *_file_parameters(file),
            *_block_parameters(file.blocks if in_one_statement else []),
        ],
    )
    if row is None:
        raise AssertionError("a function with OUT parameters returns one row")
    result = StoreResult(prepared_statements.to_text(row[0]) or "", row[1:])
    if result.is_stored and not in_one_statement:
        block_store.copy_blocks(identity_id, file.name, file.blocks)
    return result


def _file_parameters(file: PreparedFile) -> list[bytes | None]:
    rejected = file.samples is None
    errors = orjson.dumps([error.as_json() for error in file.errors]) if rejected else None
    return [
        file.id.bytes,
        file.name.encode(),
        file.filename.encode(),
        file.content_type.encode(),
        prepared_statements.int4(file.size),
        file.sha256,
        file.content,
        b"rejected" if rejected else b"stored",
        prepared_statements.jsonb(errors),
        *map(prepared_statements.int4, file.counts()),
        prepared_statements.optional_int8(file.samples.first_ms if file.samples else None),
        prepared_statements.optional_int8(file.samples.last_ms if file.samples else None),
        prepared_statements.boolean(file.overlay is not None),
    ]


def _block_parameters(blocks: Sequence[Block]) -> list[bytes]:
    return [
        prepared_statements.uuids([uuid7() for _ in blocks]),
        prepared_statements.int4s([block.hour for block in blocks]),
        prepared_statements.int4s(list(accumulate(len(block.values) for block in blocks))),
        prepared_statements.float8s([block.minimum for block in blocks]),
        prepared_statements.float8s([block.maximum for block in blocks]),
        prepared_statements.float8s([block.total for block in blocks]),
        pg_arrays.encode_int4(_concatenate([block.offsets_ms for block in blocks], _NO_INTS)),
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
