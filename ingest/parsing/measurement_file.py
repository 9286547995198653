"""The measurement file: bytes in, samples of each column out, or errors that name the place. Pure.

A file is an optional header line and lines of ``epoch_milliseconds,value[,value…]`` in any order;
docs/reference/protocol.md has the grammar. Two readers agree on every input: the fast one checks
the whole file against the grammar and converts all numbers at once; where it cannot, the reader of
lines (``measurement_file_lines``) reads one after the other and explains what is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ingest.parsing.measurement_file_lines import (
    end_of_data,
    is_rounded,
    read_lines,
    split_header,
)
from ingest.parsing.measurement_file_scan import Scan, scan
from ingest.parsing.samples import (
    FEW_SAMPLES,
    US_PER_MS,
    FileLimits,
    FileSamples,
    TimeWindow,
    TooManyLines,
    TooManyValues,
    make_columns,
)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_COLUMNS = 63

# Short numbers, which their doubles give back exactly: nearly every small file has no others.
# No possessive quantifiers: Python 3.11.2, which Debian 12 has, gets them wrong on groups.
_SHORT_TIME, _SHORT_VALUE = rb"[0-9]{1,15}", rb",-?[0-9]{1,8}(?:\.[0-9]{1,7})?"

_SMALL_BYTES = 6_000  # above it, the start-up of numpy's scan and of pyarrow's CSV reader pays
_MEDIUM_BYTES = 60_000  # up to it, one column is converted faster as JSON than by pyarrow
_BATCH_BYTES = 1 << 22  # bounds the memory of columns that are mostly empty
_MAX_TIME_MS = 2**63 // US_PER_MS - 1

_PARSE = pa.csv.ParseOptions(quote_char=False, ignore_empty_lines=True)

_Times = NDArray[np.int64]
_Values = NDArray[np.float64]
_Columns = list[tuple[_Times, _Values]]  # in the order of the file


def read_measurement_file(content: bytes, window: TimeWindow, limits: FileLimits) -> FileSamples:
    """Return the samples of ``content`` by column.

    Raises ``UnreadableContent`` where a line is not of the grammar, a time lies outside ``window``
    or there is no data line, ``TooManyLines`` and ``TooManyValues`` beyond ``limits``.
    """
    text = content[3:] if content.startswith(BYTE_ORDER_MARK) else content
    data = text[: end_of_data(text)]
    header, body = split_header(data)
    lines = body.count(b"\n") + 1
    if lines > limits.lines:
        raise TooManyLines(lines, limits.lines)
    return _read_fast(header, body, lines, window, limits) or read_lines(data, window, limits)


def _read_fast(
    header: tuple[str, ...] | None, body: bytes, lines: int, window: TimeWindow, limits: FileLimits
) -> FileSamples | None:
    """Return the content, None where the reader of lines has to decide."""
    line_end = body.find(b"\n")
    number = body.count(b",", 0, line_end if line_end >= 0 else len(body))
    if not 1 <= number <= MAX_COLUMNS or (header is not None and len(header) != number + 1):
        return None
    rounded = 0
    columns = _read_short_lines(body, number) if len(body) < _SMALL_BYTES else None
    if columns is None:
        properties = scan(body)
        columns = None if properties is None else _convert(body, lines, number, properties, limits)
        if columns is None:
            return None
        rounded = _count_rounded(body) if properties and properties.may_be_rounded else 0
    if not all(_is_accepted(times, values, window) for times, values in columns):
        return None
    return FileSamples(header, make_columns(columns), lines, rounded)


def _is_accepted(times: _Times, values: _Values, window: TimeWindow) -> bool:
    if not len(times):
        return True
    if len(times) <= FEW_SAMPLES:
        numbers = times.tolist()
        first, last = min(numbers), max(numbers)
        is_finite = all(map(math.isfinite, values.tolist()))
    else:
        first, last = int(times.min()), int(times.max())
        is_finite = bool(np.isfinite(values).all())
    return (
        is_finite
        and first // US_PER_MS >= window.earliest_ms
        and last // US_PER_MS <= window.latest_ms
    )


def _read_short_lines(body: bytes, number: int) -> _Columns | None:
    """Return the columns of a small file, None where a line is not a short one."""
    if not body or body.endswith(b"\r"):  # without a line feed it ends no line
        return None
    if _find_no_short_line(number)(b"\n" + body + b"\n") is not None:
        return None
    return _convert_short(body, number)


@cache
def _find_no_short_line(number: int) -> Callable[[bytes], re.Match[bytes] | None]:
    """Return what finds the end of a line that no line of ``number`` short values follows.

    It is one pass, with nothing to track back to.
    """
    line = _SHORT_TIME + b"(?:%s){%d}" % (_SHORT_VALUE, number)
    return re.compile(rb"\n(?!" + line + rb"\r?\n|\Z)").search


def _convert_short(body: bytes, number: int) -> _Columns | None:
    """Return the columns of lines whose numbers are those of JSON, None where one is not."""
    # With commas for line ends, this is a JSON array of numbers, unless one has leading zeros.
    flat = body.replace(b"\r", b"").replace(b"\n", b",")
    if b"-0," in flat or flat.endswith(b"-0"):  # an integer of JSON, which has no sign of zero
        return None
    try:
        numbers = orjson.loads(b"[" + flat + b"]")
    except orjson.JSONDecodeError:
        return None
    width = number + 1
    times = np.array(numbers[0::width], dtype=np.int64) * US_PER_MS
    return [
        (times, np.array(numbers[column::width], dtype=np.float64)) for column in range(1, width)
    ]


def _convert(
    body: bytes, lines: int, number: int, properties: Scan, limits: FileLimits
) -> _Columns | None:
    """Return the columns of a file that passed the scan.

    None where lines differ in their number of fields, one has no value, or a time is too large.
    Raises ``TooManyValues``.
    """
    if not properties.has_empty_values and lines * number > limits.values:
        raise TooManyValues(lines * number, limits.values)
    if len(body) < _SMALL_BYTES and not properties.has_empty_values:
        return _convert_small(body, number)
    if number == 1 and len(body) < _MEDIUM_BYTES and properties.is_plain:
        # Each line has two fields at least, so with this many none has more.
        columns = _convert_short(body, 1) if body.count(b",") == lines else None
        if columns is not None and columns[0][0].max() <= _MAX_TIME_MS * US_PER_MS:
            return columns
    if properties.has_plus_signs:
        body = body.replace(b",+", b",")
    batches: list[_Columns] = []
    count = 0
    try:
        for batch in _read_batches(body, number, properties):
            times = _times_of(batch.column(0))
            columns = None if times is None else _columns_of(times, batch)
            if columns is None:
                return None
            count += sum(len(values) for _, values in columns)
            if count > limits.values:
                raise TooManyValues(count, limits.values)
            batches.append(columns)
    except pa.ArrowInvalid:
        return None
    return _join(batches)


def _convert_small(body: bytes, number: int) -> _Columns | None:
    rows = [line.split(b",") for line in body.split()]
    if any(len(row) != number + 1 for row in rows):
        return None
    numbers = np.array([row[1:] for row in rows], dtype=np.float64)
    times = [
        int(whole) * US_PER_MS + int(fraction.ljust(3, b"0"))
        for whole, _, fraction in (row[0].partition(b".") for row in rows)
    ]
    if max(times) > _MAX_TIME_MS * US_PER_MS:
        return None
    taken = np.array(times, dtype=np.int64)
    return [(taken, numbers[:, column]) for column in range(number)]


def _read_batches(body: bytes, number: int, properties: Scan) -> Iterator[pa.RecordBatch]:
    names = [str(column) for column in range(number + 1)]
    types = dict.fromkeys(names[1:], pa.float64())
    types["0"] = pa.decimal128(19, 3) if properties.has_fractions else pa.int64()
    read = pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=_BATCH_BYTES)
    convert = pa.csv.ConvertOptions(
        column_types=types,
        null_values=[""] if properties.has_empty_values else [],
        check_utf8=False,
    )
    source = pa.BufferReader(body)
    if properties.has_empty_values:  # in batches: empty cells take memory too
        return iter(pa.csv.open_csv(source, read, _PARSE, convert))
    return iter(pa.csv.read_csv(source, read, _PARSE, convert).combine_chunks().to_batches())


def _times_of(column: pa.Array) -> _Times | None:
    """Return a batch's times as microseconds, None if one does not fit 64 bits."""
    if pa.types.is_decimal(column.type):
        words = np.frombuffer(column.buffers()[1], dtype="<i8")
        words = words[2 * column.offset : 2 * (column.offset + len(column))].reshape(-1, 2)
        low, high = words[:, 0], words[:, 1]  # thousandths, which are microseconds
        return low.copy() if not high.any() and (low >= 0).all() else None
    times: _Times = column.to_numpy()
    return times * US_PER_MS if times.max() <= _MAX_TIME_MS else None


def _columns_of(times: _Times, batch: pa.RecordBatch) -> _Columns | None:
    """Return a batch's columns without their empty values, None if a line has no value."""
    columns: _Columns = []
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


def _join(batches: Sequence[_Columns]) -> _Columns:
    if len(batches) == 1:
        return batches[0]
    joined: _Columns = []
    shared: tuple[list[_Times], _Times] | None = None
    for parts in zip(*batches, strict=True):
        times = [part[0] for part in parts]
        if shared is None or any(a is not b for a, b in zip(times, shared[0], strict=True)):
            shared = (times, np.concatenate(times))
        joined.append((shared[1], np.concatenate([part[1] for part in parts])))
    return joined


def _count_rounded(body: bytes) -> int:
    """Return how many values of a file that passed the scan are not kept exactly."""
    count, start = 0, 0
    while start < len(body):
        end = body.find(b"\n", min(start + _BATCH_BYTES, len(body)))
        end = len(body) if end < 0 else end + 1
        for line in body[start:end].split():
            count += sum(map(is_rounded, line.split(b",")[1:]))
        start = end
    return count
