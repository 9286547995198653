"""Turn samples into CSV, JSON or Parquet, piece by piece. Pure: arrays in, bytes out.

Numbers come out as the shortest text that reads back as the same number, whole ones without a
fraction; in CSV none has an exponent, which is the notation that devices themselves use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from analysis.exports.write_buffer import GrowingFile
from analysis.queries.sample_columns import SampleColumns

SCHEMA = pa.schema(
    [pa.field("time_ms", pa.int64(), nullable=False), pa.field("value", pa.float64(), False)]
)

METADATA_KEY = b"device_endpoint"
Provenance = dict[str, Any]

_EXPONENT = re.compile(rb"-?[0-9.]+e[+-]?[0-9]+", re.IGNORECASE)
_CSV_OPTIONS = pyarrow.csv.WriteOptions(include_header=False)


@dataclass(frozen=True)
class Format:
    """A form in which samples are handed out.

    ``encode(parts, provenance)`` yields its bytes; a form that has room for it holds what the
    samples are and where they come from.
    """

    name: str
    content_type: str
    encode: Callable[[Iterable[SampleColumns], Provenance | None], Iterator[bytes]]


def encode_csv(
    parts: Iterable[SampleColumns], provenance: Provenance | None = None
) -> Iterator[bytes]:
    """Yield the header ``time_ms,value`` and a line for each sample; lines end in LF.

    There is no room in it for ``provenance``, which is told beside it.
    """
    yield b"time_ms,value\n"
    for part in parts:
        lines = write_lines(part)
        yield _EXPONENT.sub(_spell_out, lines) if b"e" in lines else lines


def encode_json(
    parts: Iterable[SampleColumns], provenance: Provenance | None = None
) -> Iterator[bytes]:
    """Yield ``{"samples": [[time_ms, value], ...]}``, a line for each sample.

    The field ``provenance`` follows, where there is one.
    """
    separator = b'{"samples": ['
    for part in parts:
        yield separator + b"\n[" + write_lines(part)[:-1].replace(b"\n", b"],\n[") + b"]"
        separator = b","
    yield b"\n]" if separator == b"," else separator + b"]"
    if provenance is not None:
        yield b',\n"provenance": ' + json.dumps(provenance).encode()
    yield b"}\n"


def encode_parquet(
    parts: Iterable[SampleColumns], provenance: Provenance | None = None
) -> Iterator[bytes]:
    """Yield a Parquet file of ``time_ms int64, value double``, a row group for each part.

    The key ``device_endpoint`` of the file's metadata holds ``provenance`` as JSON.
    """
    told = {METADATA_KEY: json.dumps(provenance).encode()} if provenance is not None else None
    drain = GrowingFile()
    writer = pyarrow.parquet.ParquetWriter(
        pa.PythonFile(drain, mode="w"),
        SCHEMA.with_metadata(told),
        compression="zstd",
        use_dictionary=["value"],
        # Times rise by nearly even steps: their differences take a bit or two each.
        column_encoding={"time_ms": "DELTA_BINARY_PACKED"},
    )
    with writer:
        for part in parts:
            writer.write_table(_table(part).replace_schema_metadata(told))
            yield drain.take()
    yield drain.take()


FORMATS = {
    each.name: each
    for each in (
        Format("csv", "text/csv; charset=utf-8", encode_csv),
        Format("parquet", "application/vnd.apache.parquet", encode_parquet),
        Format("json", "application/json", encode_json),
    )
}


def _table(part: SampleColumns) -> pa.Table:
    return pa.Table.from_arrays([pa.array(part.time_ms), pa.array(part.value)], schema=SCHEMA)


def write_lines(part: SampleColumns) -> bytes:
    """Return a line ``time_ms,value`` for each sample; large and tiny values have exponents."""
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(_table(part), sink, _CSV_OPTIONS)
    text: bytes = sink.getvalue().to_pybytes()
    return text


def _spell_out(number: re.Match[bytes]) -> bytes:
    return np.format_float_positional(float(number[0]), trim="-").encode()
