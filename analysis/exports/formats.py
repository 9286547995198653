"""Samples as CSV, JSON and Parquet, encoded in chunks. Pure: arrays in, bytes out.

CSV comes in three forms: ``csv`` is what devices send, ``csv_iso`` has a column with the time as
text, ``csv_spreadsheet`` is for programs that read 13 digits as a rounded number.

One series has the column ``value``. Several side by side have the columns that ``columns`` names;
a cell is empty (CSV) or null where a series has no sample at the time of the row.

Numbers are written as the shortest text that parses to the same double, integers without a
fraction. CSV has exponents only where a number has more than 20 digits before or after the point,
which the device API does not read: so each CSV file can be sent back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from analysis.exports.streaming import StreamBuffer
from analysis.queries.statistics import SampleColumns, SampleTable

_TIME_FIELDS = (
    pa.field("time_ms", pa.int64(), nullable=False),
    pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
)
SCHEMA = pa.schema([*_TIME_FIELDS, pa.field("value", pa.float64(), nullable=False)])

METADATA_KEY = b"device_endpoint"
Provenance = dict[str, Any]
Part = SampleColumns | SampleTable
Columns = Sequence[str]

_EXPONENT = re.compile(rb"-?[0-9.]+e[+-]?[0-9]+", re.IGNORECASE)
MAX_DIGITS = 20  # before and after the point, as in the files that devices send
_TOO_MANY_DECIMALS = re.compile(rb"-?[0-9]+\.[0-9]{%d,}" % (MAX_DIGITS + 1))
_FEW_DECIMALS_FROM = 1e-4  # a double from here on has at most MAX_DIGITS decimals
_CSV_TYPE = "text/csv; charset=utf-8"
_CSV_OPTIONS = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")


@dataclass(frozen=True)
class Format:
    """An export format.

    ``encode(parts, provenance, columns)`` yields its bytes, with the provenance if the format can
    hold it. ``columns`` is None for one series. ``extension`` is that of its files.
    """

    name: str
    content_type: str
    encode: Callable[..., Iterator[bytes]]
    extension: str


def encode_csv(
    parts: Iterable[Part], provenance: Provenance | None = None, columns: Columns | None = None
) -> Iterator[bytes]:
    """Yield the header ``time_ms,value`` and a line for each time; lines end in LF.

    CSV cannot hold ``provenance``; response headers or a separate file carry it.
    """
    yield ",".join(("time_ms", *(columns or ("value",)))).encode() + b"\n"
    for part in parts:
        yield _write_numbers(encode_lines(part), part)


def encode_csv_iso(
    parts: Iterable[Part], provenance: Provenance | None = None, columns: Columns | None = None
) -> Iterator[bytes]:
    """Yield CSV whose second column ``time`` is the time in UTC by ISO 8601."""
    names = make_schema(columns).names
    yield ",".join(names).encode() + b"\n"
    for part in parts:
        times = _format_fractions(part) if part.has_fractions else pa.array(part.time_ms)
        text = _format_times(part, "%Y-%m-%dT%H:%M:%SZ")
        yield _write_numbers(_write_lines([times, text, *_value_arrays(part)]), part)


def encode_csv_spreadsheet(
    parts: Iterable[Part], provenance: Provenance | None = None, columns: Columns | None = None
) -> Iterator[bytes]:
    """Yield CSV that spreadsheets open as it is: marked as UTF-8, dates and times that they know.

    No cell begins with a character that a spreadsheet takes for a formula, but for the minus of a
    number: names of columns begin with a letter or digit.
    """
    names = ("time (UTC)", *(columns or ("value",)))
    yield b"\xef\xbb\xbf" + ",".join(names).encode() + b"\r\n"
    for part in parts:
        lines = _write_lines([_format_times(part, "%Y-%m-%d %H:%M:%S"), *_value_arrays(part)])
        yield _write_numbers(lines, part).replace(b"\n", b"\r\n")


def encode_json(
    parts: Iterable[Part], provenance: Provenance | None = None, columns: Columns | None = None
) -> Iterator[bytes]:
    """Yield ``{"samples": [[time_ms, value], ...]}``, a line for each time.

    Several series have ``"columns": ["time_ms", ...]`` before it. The field ``provenance`` follows
    unless it is None.
    """
    separator = b'{"samples": ['
    if columns is not None:
        names = json.dumps(["time_ms", *columns]).encode()
        separator = b'{"columns": ' + names + b',\n"samples": ['
    for part in parts:
        lines = encode_lines(part)
        if columns is not None:
            lines = _write_nulls(lines)
        yield separator + b"\n[" + lines[:-1].replace(b"\n", b"],\n[") + b"]"
        separator = b","
    yield b"\n]" if separator == b"," else separator + b"]"
    if provenance is not None:
        yield b',\n"provenance": ' + json.dumps(provenance).encode()
    yield b"}\n"


def encode_parquet(
    parts: Iterable[Part], provenance: Provenance | None = None, columns: Columns | None = None
) -> Iterator[bytes]:
    """Yield a Parquet file with the columns of ``make_schema``, a row group for each part.

    ``time`` is exact, ``time_ms`` is rounded down. The metadata key ``device_endpoint`` holds
    ``provenance`` as JSON.
    """
    metadata = {METADATA_KEY: json.dumps(provenance).encode()} if provenance is not None else None
    schema = make_schema(columns)
    buffer = StreamBuffer()
    writer = pyarrow.parquet.ParquetWriter(
        pa.PythonFile(buffer, mode="w"),
        schema.with_metadata(metadata),
        compression="zstd",
        use_dictionary=schema.names[len(_TIME_FIELDS) :],
        # Times are nearly evenly spaced: each difference takes a bit or two.
        column_encoding={"time_ms": "DELTA_BINARY_PACKED", "time": "DELTA_BINARY_PACKED"},
    )
    with writer:
        for part in parts:
            writer.write_table(_make_table(part, schema).replace_schema_metadata(metadata))
            yield buffer.take()
    yield buffer.take()


FORMATS = {
    encoding.name: encoding
    for encoding in (
        Format("csv", _CSV_TYPE, encode_csv, "csv"),
        Format("csv_iso", _CSV_TYPE, encode_csv_iso, "csv"),
        Format("csv_spreadsheet", _CSV_TYPE, encode_csv_spreadsheet, "csv"),
        Format("parquet", "application/vnd.apache.parquet", encode_parquet, "parquet"),
        Format("json", "application/json", encode_json, "json"),
    )
}


def make_schema(columns: Columns | None) -> pa.Schema:
    """Return the schema of one series, or of several; names of the time's columns are kept free.

    A column ``time`` is written as ``.time``: no column of a file has such a name.
    """
    if columns is None:
        return SCHEMA
    taken = {field.name for field in _TIME_FIELDS}
    names = [f".{name}" if name in taken else name for name in columns]
    return pa.schema([*_TIME_FIELDS, *(pa.field(name, pa.float64()) for name in names)])


def _make_table(part: Part, schema: pa.Schema) -> pa.Table:
    times = pa.array(part.time_us, pa.timestamp("us", tz="UTC"))
    columns = [pa.array(part.time_ms), times, *_value_arrays(part)]
    return pa.Table.from_arrays(columns, schema=schema)


def _value_arrays(part: Part) -> list[pa.Array]:
    is_table = isinstance(part, SampleTable)  # whose NaN stands for a missing sample
    return [pa.array(values, from_pandas=is_table) for values in part.columns]


def encode_lines(part: Part) -> bytes:
    """Return a line ``time_ms,value`` for each time; extreme values have exponents.

    Times between two milliseconds have decimals. Missing values are empty.
    """
    times = _format_fractions(part) if part.has_fractions else pa.array(part.time_ms)
    return _write_lines([times, *_value_arrays(part)])


def _write_lines(arrays: list[pa.Array]) -> bytes:
    table = pa.Table.from_arrays(arrays, names=[str(place) for place in range(len(arrays))])
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink, _CSV_OPTIONS)
    text: bytes = sink.getvalue().to_pybytes()
    return text


def _format_times(part: Part, pattern: str) -> pa.Array:
    """Return the times in UTC with three decimals of a second, or six where one needs them."""
    unit = "us" if part.has_fractions else "ms"
    times = pa.array(part.time_us if part.has_fractions else part.time_ms, pa.timestamp(unit))
    return pa.compute.strftime(times, format=pattern)


def _write_numbers(lines: bytes, part: Part) -> bytes:
    """Return ``lines`` with each number in the form that the device API reads."""
    if b"e" in lines:
        lines = _EXPONENT.sub(_write_number, lines)
    sizes = (np.abs(values) for values in part.columns)
    if any(((size < _FEW_DECIMALS_FROM) & (size > 0)).any() for size in sizes):
        lines = _TOO_MANY_DECIMALS.sub(_write_number, lines)
    return lines


def _format_fractions(part: Part) -> pa.Array:
    thousandths = pa.array(part.time_us).cast(pa.decimal128(19, 0))
    times = pa.Array.from_buffers(pa.decimal128(19, 3), len(part), thousandths.buffers())
    text = times.cast(pa.string())
    return pa.compute.utf8_rtrim(pa.compute.utf8_rtrim(text, "0"), ".")


def _write_nulls(lines: bytes) -> bytes:
    if b",," in lines or b",\n" in lines:
        # Twice, since two neighbours share a comma.
        for _ in range(2):
            lines = lines.replace(b",,", b",null,")
        lines = lines.replace(b",\n", b",null\n")
    return lines


def _write_number(number: re.Match[bytes]) -> bytes:
    value = float(number[0])
    text = np.format_float_positional(value, trim="-")
    whole, _, decimals = text.lstrip("-").partition(".")
    is_long = max(len(whole), len(decimals)) > MAX_DIGITS
    return (repr(value) if is_long else text).encode()
