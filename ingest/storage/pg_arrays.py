"""Convert one-dimensional arrays without NULLs between PostgreSQL's binary form and numpy. Pure.

The form (array_send in PostgreSQL's source) is five big-endian int32 (dimensions = 1, has-nulls
flag = 0, element type, length, lower bound = 1), then for each element its size as int32 and its
bytes, big-endian. Numpy writes and reads it at memory speed, without a Python object per sample.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import adapt, pq
from psycopg.abc import Buffer

INT2_OID, INT2_ARRAY_OID = 21, 1005
INT4_OID, INT4_ARRAY_OID = 23, 1007
FLOAT8_OID, FLOAT8_ARRAY_OID = 701, 1022

_HEADER = struct.Struct("!5i")
_INT2 = np.dtype([("size", ">i4"), ("value", ">i2")])
_INT4 = np.dtype([("size", ">i4"), ("value", ">i4")])
_FLOAT8 = np.dtype([("size", ">i4"), ("value", ">f8")])


def _encode(array: NDArray[np.generic], element: np.dtype[np.void], oid: int) -> bytes:
    cells = np.empty(len(array), dtype=element)
    cells["size"] = element["value"].itemsize
    cells["value"] = array
    return _HEADER.pack(1, 0, oid, len(array), 1) + cells.tobytes()


def encode_int2(array: NDArray[np.integer]) -> bytes:
    """Return ``array`` in the binary form of ``int2[]``."""
    return _encode(array, _INT2, INT2_OID)


def encode_int4(array: NDArray[np.integer]) -> bytes:
    """Return ``array`` in the binary form of ``int4[]``."""
    return _encode(array, _INT4, INT4_OID)


def encode_float8(array: NDArray[np.float64]) -> bytes:
    """Return ``array`` in the binary form of ``float8[]``."""
    return _encode(array, _FLOAT8, FLOAT8_OID)


def _decode(data: Buffer, element: np.dtype[np.void]) -> NDArray[Any] | None:
    dimensions, has_nulls, *_ = _HEADER.unpack_from(bytes(data[: _HEADER.size]).ljust(20, b"\0"))
    if dimensions != 1 or has_nulls:
        return None
    cells = np.frombuffer(data, dtype=element, offset=_HEADER.size)["value"]
    return cells.astype(cells.dtype.newbyteorder("="))


def decode_int2(data: Buffer) -> NDArray[np.int16] | None:
    """Return the elements of a binary ``int2[]``, None if it is empty or holds a NULL."""
    return _decode(data, _INT2)


def decode_int4(data: Buffer) -> NDArray[np.int32] | None:
    """Return the elements of a binary ``int4[]``, None if it is empty or holds a NULL."""
    return _decode(data, _INT4)


def decode_int4_rows(data: bytes, length: int) -> NDArray[np.int32]:
    """Return a matrix with a row for each of the ``int4[]`` of ``length`` elements in ``data``.

    Their binary forms follow one another.
    """
    row = np.dtype([("header", "V20"), ("cells", _INT4, (length,))])
    return np.frombuffer(data, row)["cells"]["value"].astype(np.int32)


def decode_float8(data: Buffer) -> NDArray[np.float64] | None:
    """Return the elements of a binary ``float8[]``, None if it is empty or holds a NULL."""
    return _decode(data, _FLOAT8)


@dataclass(frozen=True, slots=True)
class Int2Array:
    """A parameter of type ``int2[]``."""

    array: NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Int4Array:
    """A parameter of type ``int4[]``."""

    array: NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Float8Array:
    """A parameter of type ``float8[]``."""

    array: NDArray[np.float64]


class Int2ArrayDumper(adapt.Dumper):
    format = pq.Format.BINARY
    oid = INT2_ARRAY_OID

    def dump(self, obj: Int2Array) -> bytes:
        return encode_int2(obj.array)


class Int4ArrayDumper(adapt.Dumper):
    format = pq.Format.BINARY
    oid = INT4_ARRAY_OID

    def dump(self, obj: Int4Array) -> bytes:
        return encode_int4(obj.array)


class Float8ArrayDumper(adapt.Dumper):
    format = pq.Format.BINARY
    oid = FLOAT8_ARRAY_OID

    def dump(self, obj: Float8Array) -> bytes:
        return encode_float8(obj.array)


class Int2ArrayLoader(adapt.Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.int16] | None:
        return decode_int2(data)


class Int4ArrayLoader(adapt.Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.int32] | None:
        return decode_int4(data)


class Float8ArrayLoader(adapt.Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.float64] | None:
        return decode_float8(data)


def register(context: adapt.AdaptersMap) -> None:
    """Register binary sending and fetching of these arrays with a connection or cursor."""
    context.register_dumper(Int2Array, Int2ArrayDumper)
    context.register_dumper(Int4Array, Int4ArrayDumper)
    context.register_dumper(Float8Array, Float8ArrayDumper)
    context.register_loader(INT2_ARRAY_OID, Int2ArrayLoader)
    context.register_loader(INT4_ARRAY_OID, Int4ArrayLoader)
    context.register_loader(FLOAT8_ARRAY_OID, Float8ArrayLoader)
