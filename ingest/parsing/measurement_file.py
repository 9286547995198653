"""The measurement file: bytes in, samples of each column out, or errors that name the place. Pure.

A file is an optional header line and lines of ``epoch_milliseconds,value[,value…]`` in any order;
docs/reference/protocol.md has the grammar. Two readers agree on every input: the fast one checks
the whole file against the grammar and converts all numbers at once; where it cannot, the reader of
lines (``measurement_file_lines``) reads one after the other and explains what is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from ingest.parsing.measurement_file_csv import (
    BATCH_BYTES,
    MAX_TIME_MS,
    Columns,
    read_all_values,
    read_present_values,
)
from ingest.parsing.measurement_file_lines import (
    DataLines,
    end_of_data,
    is_rounded,
    read_header,
    read_lines,
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
_Times = NDArray[np.int64]
_Values = NDArray[np.float64]


def read_measurement_file(content: bytes, window: TimeWindow, limits: FileLimits) -> FileSamples:
    """Return the samples of ``content`` by column.

    Raises ``UnreadableContent`` where a line is not of the grammar, a time lies outside ``window``
    or there is no data line, ``TooManyLines`` and ``TooManyValues`` beyond ``limits``.
    """
    start = len(BYTE_ORDER_MARK) if content.startswith(BYTE_ORDER_MARK) else 0
    end = max(start, end_of_data(content))
    header, first_line = read_header(content, start, end)
    lines = content.count(b"\n", first_line, end) + 1
    if lines > limits.lines:
        raise TooManyLines(lines, limits.lines)
    found = _read_fast(DataLines(content, first_line, end, lines), header, window, limits)
    return found or read_lines(content[start:end], window, limits)


def _read_fast(
    body: DataLines, header: tuple[str, ...] | None, window: TimeWindow, limits: FileLimits
) -> FileSamples | None:
    """Return the content, None where the reader of lines has to decide."""
    line_end = body.text.find(b"\n", body.start, body.end)
    number = body.text.count(b",", body.start, line_end if line_end >= 0 else body.end)
    if not 1 <= number <= MAX_COLUMNS or (header is not None and len(header) != number + 1):
        return None
    rounded = 0
    columns = _read_short_lines(body.copy(), number) if len(body) < _SMALL_BYTES else None
    if columns is None:
        properties = scan(body.text, body.start, body.end)
        columns = None if properties is None else _convert(body, number, properties, limits)
        if columns is None:
            return None
        rounded = _count_rounded(body) if properties and properties.may_be_rounded else 0
    if not all(_is_accepted(times, values, window) for times, values in columns):
        return None
    return FileSamples(header, make_columns(columns), body.count, rounded)


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


def _read_short_lines(body: bytes, number: int) -> Columns | None:
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


def _convert_short(body: bytes, number: int) -> Columns | None:
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


def _convert(body: DataLines, number: int, properties: Scan, limits: FileLimits) -> Columns | None:
    """Return the columns of a file that passed the scan.

    None where lines differ in their number of fields, one has no value, or a time is too large.
    Raises ``TooManyValues``.
    """
    if not properties.has_empty_values and body.count * number > limits.values:
        raise TooManyValues(body.count * number, limits.values)
    if len(body) < _SMALL_BYTES and not properties.has_empty_values:
        return _convert_small(body.copy(), number)
    if number == 1 and len(body) < _MEDIUM_BYTES and properties.is_plain:
        # Each line has two fields at least, so with this many none has more.
        has_pairs = body.text.count(b",", body.start, body.end) == body.count
        columns = _convert_short(body.copy(), 1) if has_pairs else None
        if columns is not None and columns[0][0].max() <= MAX_TIME_MS * US_PER_MS:
            return columns
    try:
        if properties.has_empty_values:
            return read_present_values(body, number, properties, limits)
        return read_all_values(body, number, properties)
    except pa.ArrowInvalid:
        return None


def _convert_small(body: bytes, number: int) -> Columns | None:
    rows = [line.split(b",") for line in body.split()]
    if any(len(row) != number + 1 for row in rows):
        return None
    numbers = np.array([row[1:] for row in rows], dtype=np.float64)
    times = [
        int(whole) * US_PER_MS + int(fraction.ljust(3, b"0"))
        for whole, _, fraction in (row[0].partition(b".") for row in rows)
    ]
    if max(times) > MAX_TIME_MS * US_PER_MS:
        return None
    taken = np.array(times, dtype=np.int64)
    return [(taken, numbers[:, column]) for column in range(number)]


def _count_rounded(body: DataLines) -> int:
    """Return how many values of a file that passed the scan are not kept exactly."""
    count, start = 0, body.start
    while start < body.end:
        end = body.text.find(b"\n", min(start + BATCH_BYTES, body.end), body.end)
        end = body.end if end < 0 else end + 1
        for line in body.text[start:end].split():
            count += sum(map(is_rounded, line.split(b",")[1:]))
        start = end
    return count
