"""Parse a measurement file into samples, or into errors that name the line. Pure.

A file consists of lines ``epoch_milliseconds,value`` (``SAMPLE_LINE`` below), each ended by LF or
CRLF, in any order; a UTF-8 byte order mark at the start and empty lines at the end are allowed.

Two readers agree on every input. The fast one checks the whole file against the grammar and
converts all numbers at once. Where it fails, the slow one reads line by line and explains each
error.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ingest.parsing.sample_file_errors import LineError, explain_line, explain_time
from ingest.parsing.sample_file_scan import is_all_samples

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_LISTED_ERRORS = 20

# No possessive quantifiers: Python 3.11.2 of Debian 12 has a bug with them on groups.
_SAMPLE = rb"[0-9]{1,16},-?[0-9]{1,20}(?:\.[0-9]{1,20})?"
SAMPLE_LINE = re.compile(rb"([0-9]{1,16}),(-?[0-9]{1,20}(?:\.[0-9]{1,20})?)")
# Finds a line end that no sample follows: one pass without backtracking.
_NO_SAMPLE_FOLLOWS = re.compile(rb"\n(?!" + _SAMPLE + rb"\r?\n|\Z)")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")

# Below these sizes, starting numpy's check and pyarrow's CSV reader costs more than it saves.
_MIN_BYTES_FOR_NUMPY = 6_000
_MIN_BYTES_FOR_PYARROW = 60_000

_READ = pa.csv.ReadOptions(column_names=["time_ms", "value"], use_threads=False)
_PARSE = pa.csv.ParseOptions(quote_char=False, ignore_empty_lines=True)
_CONVERT = pa.csv.ConvertOptions(
    column_types={"time_ms": pa.int64(), "value": pa.float64()}, null_values=[], check_utf8=False
)


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The accepted timestamps: ``earliest_ms <= t <= latest_ms``, epoch milliseconds."""

    earliest_ms: int
    latest_ms: int

    def contains(self, time_ms: int) -> bool:
        return self.earliest_ms <= time_ms <= self.latest_ms

    def dates(self) -> tuple[str, str]:
        """Return the first and the last day of the window, in UTC."""
        return _date(self.earliest_ms), _date(self.latest_ms)


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one file, sorted, each timestamp once with the value of its last line.

    ``times`` is int64 epoch milliseconds, strictly ascending; ``values`` is float64 of the same
    length. ``lines`` counts the file's data lines. Where several lines have one timestamp,
    ``first_values`` (same length as ``times``) holds the value of the first of them, and the
    other lines count as ``repeated_identical`` or ``repeated_replaced``, each compared with the
    previous line of that timestamp; without such lines ``first_values is values``.
    """

    times: NDArray[np.int64]
    values: NDArray[np.float64]
    first_values: NDArray[np.float64]
    lines: int
    repeated_identical: int = 0
    repeated_replaced: int = 0

    @property
    def first_ms(self) -> int:
        return int(self.times[0])

    @property
    def last_ms(self) -> int:
        return int(self.times[-1])


class UnreadableContent(Exception):
    """A file with lines that are no samples; ``errors`` lists up to ``MAX_LISTED_ERRORS``."""

    def __init__(self, errors: list[LineError]) -> None:
        super().__init__(f"{len(errors)} unreadable lines")
        self.errors = errors


class TooManyLines(Exception):
    """More lines than allowed; the text gives the limit and the number."""


def read_samples(content: bytes, window: TimeWindow, max_lines: int) -> Samples:
    """Return the samples of ``content``.

    Raises ``UnreadableContent`` if a line is no sample, a timestamp is outside ``window`` or
    there is no line at all, and ``TooManyLines`` beyond ``max_lines``.
    """
    text = content[3:] if content.startswith(BYTE_ORDER_MARK) else content
    _check_line_count(text, max_lines)
    columns = _read_fast(text)
    if columns is None or not len(columns[0]) or not _within(columns[0], window):
        columns = _read_slow(text, window)
    return _sort(*columns)


def _check_line_count(text: bytes, max_lines: int) -> None:
    if text.count(b"\n") < max_lines:
        return
    lines = text.count(b"\n", 0, _find_end_of_data(text)) + 1
    if lines > max_lines:
        raise TooManyLines(f"A file may have {max_lines:,} lines; this one has {lines:,}.")


def _find_end_of_data(text: bytes) -> int:
    """Return the position where the empty lines at the end of the file begin.

    A carriage return without a following line feed ends no line, so it belongs to the data.
    """
    end = len(text.rstrip(b"\r\n"))
    if text.endswith(b"\r"):
        return len(text)
    return max(end, text.rfind(b"\r\r", end) + 1)


def _within(times: NDArray[np.int64], window: TimeWindow) -> bool:
    return bool(times.min() >= window.earliest_ms and times.max() <= window.latest_ms)


# --- Fast reader ---------------------------------------------------------------------------
_Columns = tuple[NDArray[np.int64], NDArray[np.float64]]


def _read_fast(text: bytes) -> _Columns | None:
    """Return times and values in file order, or None if the slow reader must read the file."""
    data = text[: _find_end_of_data(text)]
    check = _is_all_samples_small if len(data) < _MIN_BYTES_FOR_NUMPY else is_all_samples
    convert = _convert_small if len(data) < _MIN_BYTES_FOR_PYARROW else _convert_large
    return convert(data) if check(data) else None


def _is_all_samples_small(data: bytes) -> bool:
    if not data or data.endswith(b"\r"):
        return False
    return _NO_SAMPLE_FOLLOWS.search(b"\n" + data + b"\n") is None


def _convert_small(data: bytes) -> _Columns | None:
    # The grammar has been checked: with commas for line ends this is a JSON array of numbers,
    # unless one has leading zeros, which JSON forbids.
    flat = data.replace(b"\r", b"").replace(b"\n", b",")
    try:
        numbers = orjson.loads(b"[" + flat + b"]")
    except orjson.JSONDecodeError:
        return None
    return np.array(numbers[0::2], dtype=np.int64), np.array(numbers[1::2], dtype=np.float64)


def _convert_large(data: bytes) -> _Columns:
    table = pa.csv.read_csv(
        pa.BufferReader(data), read_options=_READ, parse_options=_PARSE, convert_options=_CONVERT
    )
    return table.column(0).to_numpy(), table.column(1).to_numpy()


# --- Slow reader ---------------------------------------------------------------------------
@dataclass(slots=True)
class _Reading:
    # Arrays of machine numbers: as Python objects, four million lines would take 300 MB.
    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    errors: list[LineError] = field(default_factory=list)


def _read_slow(text: bytes, window: TimeWindow) -> _Columns:
    reading = _Reading()
    for number, line in _data_lines(text):
        _read_line(reading, number, line, window)
        if len(reading.errors) == MAX_LISTED_ERRORS:
            break
    if reading.errors:
        raise UnreadableContent(reading.errors)
    if not reading.times:
        raise UnreadableContent(
            [LineError(1, 1, "", "empty_file: it holds no sample; send at least one line.")]
        )
    return np.array(reading.times, dtype=np.int64), np.array(reading.values, dtype=np.float64)


def _data_lines(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number (from 1) and bytes of each data line, without its line end."""
    for number, match in enumerate(_LINE.finditer(text, 0, _find_end_of_data(text)), start=1):
        line = match.group()
        if line.endswith(b"\r\n"):
            yield number, line[:-2]
        else:
            yield number, line.removesuffix(b"\n")


def _read_line(reading: _Reading, number: int, line: bytes, window: TimeWindow) -> None:
    match = SAMPLE_LINE.fullmatch(line)
    if match is None:
        reading.errors.append(explain_line(number, line))
        return
    time_ms = int(match[1])
    if not window.contains(time_ms):
        reading.errors.append(explain_time(number, line, time_ms, window.contains, window.dates()))
        return
    reading.times.append(time_ms)
    reading.values.append(float(match[2]))


def _date(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d")


# --- Sorting -------------------------------------------------------------------------------
def _sort(times: NDArray[np.int64], values: NDArray[np.float64]) -> Samples:
    lines = len(times)
    if lines == 1 or bool((times[1:] > times[:-1]).all()):
        return Samples(times, values, values, lines)
    order = np.argsort(times, kind="stable")  # stable: of equal times, the last line stays last
    times, values = times[order], values[order]
    same_time = times[1:] == times[:-1]
    if not same_time.any():
        return Samples(times, values, values, lines)
    same_value = values[1:] == values[:-1]
    is_first = np.concatenate(([True], ~same_time))
    is_last = np.concatenate((~same_time, [True]))
    return Samples(
        times[is_last],
        values[is_last],
        values[is_first],
        lines,
        repeated_identical=int((same_time & same_value).sum()),
        repeated_replaced=int((same_time & ~same_value).sum()),
    )
