"""Turn samples into CSV, JSON or Parquet, piece by piece. Pure: arrays in, bytes out.

Numbers come out as the shortest text that reads back as the same number, whole ones without a
fraction; in CSV none has an exponent, which is the notation that devices themselves use.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ingest.sample_columns import SampleColumns

SCHEMA = pa.schema(
    [pa.field("time_ms", pa.int64(), nullable=False), pa.field("value", pa.float64(), False)]
)

_EXPONENT = re.compile(rb"-?[0-9.]+e[+-]?[0-9]+", re.IGNORECASE)
_CSV_OPTIONS = pyarrow.csv.WriteOptions(include_header=False)


@dataclass(frozen=True)
class Format:
    """A form in which samples are handed out."""

    name: str
    content_type: str
    encode: Callable[[Iterable[SampleColumns]], Iterator[bytes]]


def encode_csv(parts: Iterable[SampleColumns]) -> Iterator[bytes]:
    """Yield the header ``time_ms,value`` and a line for each sample; lines end in LF."""
    yield b"time_ms,value\n"
    for part in parts:
        lines = _lines(part)
        yield _EXPONENT.sub(_spell_out, lines) if b"e" in lines else lines


def encode_json(parts: Iterable[SampleColumns]) -> Iterator[bytes]:
    """Yield ``{"samples": [[time_ms, value], ...]}``, a line for each sample."""
    separator = b'{"samples": ['
    for part in parts:
        yield separator + b"\n[" + _lines(part)[:-1].replace(b"\n", b"],\n[") + b"]"
        separator = b","
    yield b"\n]}\n" if separator == b"," else separator + b"]}\n"


def encode_parquet(parts: Iterable[SampleColumns]) -> Iterator[bytes]:
    """Yield a Parquet file of ``time_ms int64, value double``, a row group for each part."""
    drain = _Drain()
    writer = pyarrow.parquet.ParquetWriter(
        pa.PythonFile(drain, mode="w"),
        SCHEMA,
        compression="zstd",
        use_dictionary=["value"],
        # Times rise by nearly even steps: their differences take a bit or two each.
        column_encoding={"time_ms": "DELTA_BINARY_PACKED"},
    )
    with writer:
        for part in parts:
            writer.write_table(_table(part))
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


def _lines(part: SampleColumns) -> bytes:
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(_table(part), sink, _CSV_OPTIONS)
    text: bytes = sink.getvalue().to_pybytes()
    return text


def _spell_out(number: re.Match[bytes]) -> bytes:
    return np.format_float_positional(float(number[0]), trim="-").encode()


class _Drain(io.RawIOBase):
    """A file that only grows; what was written since is taken away from time to time."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # any buffer; pyarrow may reuse it
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
