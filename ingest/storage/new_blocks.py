"""Blocks as a parameter of the SQL type ``ingest_new_block[]``, in PostgreSQL's binary form.

One parameter holds all blocks of a file, and the server need not cut them out of longer arrays.
The form of a composite value (record_send in PostgreSQL's source) is its number of fields, then for
each field its type's OID, its size (-1: NULL) and its bytes.
"""

from __future__ import annotations

import struct
import weakref
from collections.abc import Sequence

import psycopg
from django.db import connection

from ingest.storage import pg_arrays, prepared_statements, stored_blocks
from ingest.storage.blocks import Block
from ingest.uuid7 import uuid7

_UUID, _INT8, _INT2, _INT4, _TEXT, _FLOAT8 = 2950, 20, 21, 23, 25, 701
_FIELDS = 16
# id, hour, first_ms, last_ms, sample_count, minimum, maximum, total, encoding: never NULL.
_FIXED = struct.Struct("!i Ii16s Iii Iiq Iiq Iii Iid Iid Iid Iih")
_FIELD = struct.Struct("!Ii")
_SCALE = struct.Struct("!Iih")
_NO_SCALE = _FIELD.pack(_INT2, -1)
_NO_OFFSETS = _NO_INTEGERS = _FIELD.pack(pg_arrays.INT4_ARRAY_OID, -1)
_NO_STEPS = _NO_SMALL_INTEGERS = _FIELD.pack(pg_arrays.INT2_ARRAY_OID, -1)
_NO_VALUES = _FIELD.pack(pg_arrays.FLOAT8_ARRAY_OID, -1)
_ARRAY_HEADER = struct.Struct("!iiIii")

_type_oids: weakref.WeakKeyDictionary[psycopg.Connection[object], int] = weakref.WeakKeyDictionary()


def encode(blocks: Sequence[tuple[str, Block]]) -> bytes:
    """Return new blocks, each with the name of its series, as ``ingest_new_block[]``."""
    if not blocks:
        return _ARRAY_HEADER.pack(0, 0, _type_oid(), 0, 1)[:12]
    parts = [_ARRAY_HEADER.pack(1, 0, _type_oid(), len(blocks), 1)]
    for name, block in blocks:
        fields = _encode_block(name, block)
        parts.append(struct.pack("!i", len(fields)))
        parts.append(fields)
    return b"".join(parts)


def _encode_block(name: str, block: Block) -> bytes:
    stored = stored_blocks.encode(block)
    fixed = _FIXED.pack(
        _FIELDS,
        _UUID, 16, uuid7().bytes,
        _INT4, 4, stored.hour,
        _INT8, 8, stored.first_ms,
        _INT8, 8, block.last_ms,
        _INT4, 4, stored.sample_count,
        _FLOAT8, 8, stored.minimum,
        _FLOAT8, 8, block.maximum,
        _FLOAT8, 8, block.total,
        _INT2, 2, stored.encoding,
    )  # fmt: skip
    offsets, steps = stored.offsets, stored.time_steps
    values, integers, small = stored.values, stored.integers, stored.small_integers
    return b"".join(
        (
            fixed,
            _field(_TEXT, name.encode()),
            _NO_OFFSETS if offsets is None else _int4_array(pg_arrays.encode_int4(offsets)),
            _NO_STEPS if steps is None else _int2_array(pg_arrays.encode_int2(steps)),
            _NO_SCALE if stored.scale is None else _SCALE.pack(_INT2, 2, stored.scale),
            _NO_VALUES
            if values is None
            else _field(pg_arrays.FLOAT8_ARRAY_OID, pg_arrays.encode_float8(values)),
            _NO_INTEGERS if integers is None else _int4_array(pg_arrays.encode_int4(integers)),
            _NO_SMALL_INTEGERS if small is None else _int2_array(pg_arrays.encode_int2(small)),
        )
    )


def _field(oid: int, content: bytes) -> bytes:
    return _FIELD.pack(oid, len(content)) + content


def _int4_array(content: bytes) -> bytes:
    return _field(pg_arrays.INT4_ARRAY_OID, content)


def _int2_array(content: bytes) -> bytes:
    return _field(pg_arrays.INT2_ARRAY_OID, content)


def _type_oid() -> int:
    """Return the OID that the type has in this database; asked once for each connection."""
    session = prepared_statements.open_session()
    oid = _type_oids.get(session)
    if oid is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'ingest_new_block'::regtype::oid::bigint")
            (oid,) = cursor.fetchone()
        _type_oids[session] = oid
    return oid
