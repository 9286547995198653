"""One file and its blocks into PostgreSQL by one statement: ``ingest_store_file``.

The parameters travel in binary, arrays straight from numpy, and the statement is prepared once a
connection.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from ingest.receipts import Receipt
from ingest.storage import block_store, pg_arrays, prepared_statements
from ingest.storage.blocks import Block
from ingest.storage.prepared_files import PreparedFile
from ingest.storage.prepared_statements import Statement
from ingest.uuid7 import uuid7

_T = TypeVar("_T", bound=np.generic)

# The arrays of a file travel whole and are cut by the server, which costs a copy of them a
# block; beyond this many blocks a COPY is cheaper.
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
            return file.receipt()
        first_id, status, filename, errors, *numbers = self.first
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


def store_file(identity_id: int, certificate_id: int, file: PreparedFile) -> Found:
    """Store ``file`` and its blocks unless it is a duplicate, overlaps or is refused.

    More than ``MOST_BLOCKS_IN_ONE_STATEMENT`` blocks take two statements, hence a transaction.
    """
    together = len(file.blocks) <= MAX_BLOCKS_IN_ONE_STATEMENT
    row = prepared_statements.execute(
        _STORE_FILE,
        [
            prepared_statements.int8(block_store.series_lock(identity_id, file.name)),
            prepared_statements.int8(identity_id),
            prepared_statements.int8(certificate_id),
            *_file_parameters(file),
            *_block_parameters(file.blocks if together else []),
        ],
    )
    if row is None:
        raise AssertionError("a function with OUT parameters returns one row")
    found = Found(prepared_statements.to_text(row[0]) or "", row[1:])
    if found.is_stored and not together:
        block_store.copy_blocks(identity_id, file.name, file.blocks)
    return found


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
        pg_arrays.encode_int4(_joined([block.offsets_ms for block in blocks], _NO_INTS)),
        pg_arrays.encode_float8(_joined([block.values for block in blocks], _NO_FLOATS)),
    ]


_NO_INTS: NDArray[np.int32] = np.empty(0, dtype=np.int32)
_NO_FLOATS: NDArray[np.float64] = np.empty(0, dtype=np.float64)


def _joined(arrays: list[NDArray[_T]], nothing: NDArray[_T]) -> NDArray[_T]:
    if not arrays:
        return nothing
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
