"""Samples as CSV, JSON and Parquet, encoded in chunks. Pure: arrays in, bytes out.

Numbers are written as the shortest text that parses to the same double, integers without a
fraction. CSV has no exponents, like the files that devices send.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from analysis.exports.streaming import StreamBuffer
from analysis.queries.statistics import SampleColumns

SCHEMA = pa.schema(
    [
        pa.field("time_ms", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)

METADATA_KEY = b"device_endpoint"
Provenance = dict[str, Any]

_EXPONENT = re.compile(rb"-?[0-9.]+e[+-]?[0-9]+", re.IGNORECASE)
_CSV_OPTIONS = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")


@dataclass(frozen=True)
class Format:
    """An export format.

    ``encode(parts, provenance)`` yields its bytes, with the provenance if the format can hold it.
    """

    name: str
    content_type: str
    encode: Callable[[Iterable[SampleColumns], Provenance | None], Iterator[bytes]]


def encode_csv(
    parts: Iterable[SampleColumns], provenance: Provenance | None = None
) -> Iterator[bytes]:
    """Yield the header ``time_ms,value`` and a line for each sample; lines end in LF.

    CSV cannot hold ``provenance``; response headers or a separate file carry it.
    """
    yield b"time_ms,value\n"
    for part in parts:
        lines = encode_lines(part)
        yield _EXPONENT.sub(_expand_exponent, lines) if b"e" in lines else lines


def encode_json(
    parts: Iterable[SampleColumns], provenance: Provenance | None = None
) -> Iterator[bytes]:
    """Yield ``{"samples": [[time_ms, value], ...]}``, a line for each sample.

    The field ``provenance`` follows unless it is None.
    """
    separator = b'{"samples": ['
    for part in parts:
        yield separator + b"\n[" + encode_lines(part)[:-1].replace(b"\n", b"],\n[") + b"]"
        separator = b","
    yield b"\n]" if separator == b"," else separator + b"]"
    if provenance is not None:
        yield b',\n"provenance": ' + json.dumps(provenance).encode()
    yield b"}\n"


def encode_parquet(
    parts: Iterable[SampleColumns], provenance: Provenance | None = None
) -> Iterator[bytes]:
    """Yield a Parquet file with the columns of ``SCHEMA``, a row group for each part.

    ``time`` is exact, ``time_ms`` is rounded down. The metadata key ``device_endpoint`` holds
    ``provenance`` as JSON.
    """
    metadata = {METADATA_KEY: json.dumps(provenance).encode()} if provenance is not None else None
    buffer = StreamBuffer()
    writer = pyarrow.parquet.ParquetWriter(
        pa.PythonFile(buffer, mode="w"),
        SCHEMA.with_metadata(metadata),
        compression="zstd",
        use_dictionary=["value"],
        # Times are nearly evenly spaced: each difference takes a bit or two.
        column_encoding={"time_ms": "DELTA_BINARY_PACKED", "time": "DELTA_BINARY_PACKED"},
    )
    with writer:
        for part in parts:
            writer.write_table(_make_table(part).replace_schema_metadata(metadata))
            yield buffer.take()
    yield buffer.take()


FORMATS = {
    encoding.name: encoding
    for encoding in (
        Format("csv", "text/csv; charset=utf-8", encode_csv),
        Format("parquet", "application/vnd.apache.parquet", encode_parquet),
        Format("json", "application/json", encode_json),
    )
}


def _make_table(part: SampleColumns) -> pa.Table:
    times = pa.array(part.time_us, pa.timestamp("us", tz="UTC"))
    columns = [pa.array(part.time_ms), times, pa.array(part.value)]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def encode_lines(part: SampleColumns) -> bytes:
    """Return a line ``time_ms,value`` for each sample; extreme values have exponents.

    Times between two milliseconds have decimals.
    """
    times = _format_fractions(part) if part.has_fractions else pa.array(part.time_ms)
    table = pa.Table.from_arrays([times, pa.array(part.value)], names=["time_ms", "value"])
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink, _CSV_OPTIONS)
    text: bytes = sink.getvalue().to_pybytes()
    return text


def _format_fractions(part: SampleColumns) -> pa.Array:
    thousandths = pa.array(part.time_us).cast(pa.decimal128(19, 0))
    times = pa.Array.from_buffers(pa.decimal128(19, 3), len(part), thousandths.buffers())
    text = times.cast(pa.string())
    return pa.compute.utf8_rtrim(pa.compute.utf8_rtrim(text, "0"), ".")


def _expand_exponent(number: re.Match[bytes]) -> bytes:
    return np.format_float_positional(float(number[0]), trim="-").encode()
