"""Store a measurement file and its blocks by one statement, ``ingest_store_file``.

Parameters are binary, blocks come straight from numpy, and each connection prepares the statement
once.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from django.conf import settings
from django.db import connection

from ingest.receipts import Receipt
from ingest.storage import block_store, new_blocks, prepared_statements
from ingest.storage.prepared_files import PreparedFile
from ingest.storage.prepared_statements import Statement

# The statement's parameters are in memory several times, here and in the server; a COPY sends one
# block at a time.
MAX_BLOCKS_IN_ONE_STATEMENT = 128

_TYPES = (
    "int8[]", "int8", "int8", "uuid", "text", "text", "text", "int4", "bytea", "bytea", "text",
    "jsonb", "text[]", "jsonb", "int4[]", "int8", "int8", "text[]", "int8[]", "int8[]", "bool",
    "ingest_new_block[]",
)  # fmt: skip
_PLACEHOLDERS = ", ".join(f"${number}" for number, _ in enumerate(_TYPES, start=1))
_STORE_FILE = Statement(
    "store_file",
    f"SELECT * FROM ingest_store_file({_PLACEHOLDERS})",  # noqa: S608 - placeholders
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
class StoreResult:
    """The result of ``ingest_store_file``: see its comment in the database.

    ``receipt`` is a new one, or that of the same bytes stored before, None where nothing is stored.
    """

    outcome: str
    receipt: Receipt | None = None


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


def store_file(
    identity_id: int, certificate_id: int, file: PreparedFile, *, is_overlaid: bool = False
) -> StoreResult:
    """Store ``file`` and its blocks unless it is a duplicate, overlaps or is refused.

    The overlap with stored blocks is checked unless ``is_overlaid``. More than
    ``MAX_BLOCKS_IN_ONE_STATEMENT`` blocks take two statements, hence a transaction.
    """
    blocks = [(series.name, block) for series in file.series for block in series.blocks]
    in_one_statement = len(blocks) <= MAX_BLOCKS_IN_ONE_STATEMENT
    receipt = file.receipt()
    row = prepared_statements.execute(
        _STORE_FILE,
        [
            prepared_statements.int8s(block_store.list_locks(identity_id, file.locked_names())),
            prepared_statements.int8(identity_id),
            prepared_statements.int8(certificate_id),
            *_file_parameters(file, receipt),
            *_series_parameters(file),
            prepared_statements.boolean(is_overlaid),
            new_blocks.encode(blocks if in_one_statement else []),
        ],
    )
    if row is None:
        raise AssertionError("a function with OUT parameters returns one row")
    outcome = prepared_statements.to_text(row[0]) or ""
    if outcome == "duplicate":
        return StoreResult(outcome, _read_receipt(file, row[1:]))
    if outcome != "stored":
        return StoreResult(outcome)
    if not in_one_statement:
        block_store.copy_blocks(identity_id, blocks)
    return StoreResult(outcome, receipt)


def _file_parameters(file: PreparedFile, receipt: Receipt) -> list[bytes | None]:
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


def _series_parameters(file: PreparedFile) -> list[bytes]:
    sampled = [series for series in file.series if len(series.samples.times)]
    return [
        prepared_statements.texts([series.name for series in sampled]),
        prepared_statements.int8s([series.samples.first_ms for series in sampled]),
        prepared_statements.int8s([series.samples.last_ms for series in sampled]),
    ]


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
