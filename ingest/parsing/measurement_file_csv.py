"""Large measurement files by pyarrow's CSV reader. Pure.

The file has passed the scan (``measurement_file_scan``), so each number is of the grammar. It is
read in batches: all of its numbers at once would be in memory twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ingest.parsing.measurement_file_lines import DataLines
from ingest.parsing.measurement_file_scan import Scan
from ingest.parsing.samples import US_PER_MS, FileLimits, TooManyValues

MAX_TIME_MS = 2**63 // US_PER_MS - 1
BATCH_BYTES = 1 << 22
_PARSE = pa.csv.ParseOptions(quote_char=False, ignore_empty_lines=True)

_Times = NDArray[np.int64]
_Values = NDArray[np.float64]
Columns = list[tuple[_Times, _Values]]  # in the order of the file


def read_all_values(body: DataLines, number: int, properties: Scan) -> Columns | None:
    """Return the columns of a file without empty values, None where a time is too large.

    Each batch goes to its place in the arrays, so that no number is in memory twice.
    """
    times = np.empty(body.count, dtype=np.int64)
    columns = [np.empty(body.count, dtype=np.float64) for _ in range(number)]
    start = 0
    for batch in _read_batches(body, number, properties):
        end = start + batch.num_rows
        some = _times_of(batch.column(0))
        if some is None or end > body.count:
            return None
        times[start:end] = some
        for column, values in zip(columns, batch.columns[1:], strict=True):
            column[start:end] = values.to_numpy()
        start = end
    return [(times, column) for column in columns] if start == body.count else None


def read_present_values(
    body: DataLines, number: int, properties: Scan, limits: FileLimits
) -> Columns | None:
    """Return the columns of a file with empty values: see ``read_all_values``."""
    batches: list[Columns] = []
    count = 0
    for batch in _read_batches(body, number, properties):
        times = _times_of(batch.column(0))
        columns = None if times is None else _columns_of(times, batch)
        if columns is None:
            return None
        count += sum(len(values) for _, values in columns)
        if count > limits.values:
            raise TooManyValues(count, limits.values)
        batches.append(columns)
    return _join(batches)


def _read_batches(body: DataLines, number: int, properties: Scan) -> Iterator[pa.RecordBatch]:
    names = [str(column) for column in range(number + 1)]
    types = dict.fromkeys(names[1:], pa.float64())
    types["0"] = pa.decimal128(19, 3) if properties.has_fractions else pa.int64()
    read = pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=BATCH_BYTES)
    convert = pa.csv.ConvertOptions(
        column_types=types,
        null_values=[""] if properties.has_empty_values else [],
        check_utf8=False,
    )
    if properties.has_plus_signs:
        text = pa.py_buffer(body.copy().replace(b",+", b","))
    else:
        text = pa.py_buffer(body.text).slice(body.start, len(body))
    return iter(pa.csv.open_csv(pa.BufferReader(text), read, _PARSE, convert))


def _times_of(column: pa.Array) -> _Times | None:
    """Return a batch's times as microseconds, None if one does not fit 64 bits."""
    if pa.types.is_decimal(column.type):
        words = np.frombuffer(column.buffers()[1], dtype="<i8")
        words = words[2 * column.offset : 2 * (column.offset + len(column))].reshape(-1, 2)
        low, high = words[:, 0], words[:, 1]  # thousandths, which are microseconds
        return low.copy() if not high.any() and (low >= 0).all() else None
    times: _Times = column.to_numpy()
    return times * US_PER_MS if times.max() <= MAX_TIME_MS else None


def _columns_of(times: _Times, batch: pa.RecordBatch) -> Columns | None:
    """Return a batch's columns without their empty values, None if a line has no value."""
    columns: Columns = []
    has_value = None
    for column in batch.columns[1:]:
        values: _Values = column.to_numpy(zero_copy_only=False)
        if not column.null_count:
            has_value = True
            columns.append((times, values))
            continue
        is_valid = column.is_valid().to_numpy(zero_copy_only=False)
        if has_value is not True:
            has_value = is_valid if has_value is None else has_value | is_valid
        columns.append((times[is_valid], values[is_valid]))
    return columns if has_value is True or np.all(has_value) else None


def _join(batches: Sequence[Columns]) -> Columns:
    if len(batches) == 1:
        return batches[0]
    joined: Columns = []
    shared: tuple[list[_Times], _Times] | None = None
    for parts in zip(*batches, strict=True):
        times = [part[0] for part in parts]
        if shared is None or any(a is not b for a, b in zip(times, shared[0], strict=True)):
            shared = (times, np.concatenate(times))
        joined.append((shared[1], np.concatenate([part[1] for part in parts])))
    return joined
