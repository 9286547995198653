"""Reads a measurement file line by line and explains what is wrong with it. Pure.

This reader decides where the fast one of ``measurement_file`` cannot. Both accept the same files.
"""

from __future__ import annotations

import math
import re
import string
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from ingest.parsing.measurement_file_errors import (
    ERASED,
    LineError,
    explain_header,
    explain_line,
    explain_time,
)
from ingest.parsing.samples import (
    US_PER_MS,
    FileLimits,
    FileSamples,
    TimeWindow,
    TooManyValues,
    make_columns,
)

MAX_LISTED_ERRORS = 20
MAX_HEADER_FIELD_BYTES = 64

TIME = re.compile(rb"([0-9]{1,16})(?:\.([0-9]{1,3}))?")
VALUE = re.compile(rb"[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_HEADER_STARTS = frozenset(string.ascii_letters.encode())
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_TAIL_BYTES = 1 << 16
_EMPTY_FILE = "empty_file: it holds no sample; send at least one line."


class UnreadableContent(Exception):
    """A file that does not follow the grammar; ``errors`` lists up to 20 places."""

    def __init__(self, errors: list[LineError]) -> None:
        super().__init__(f"{len(errors)} unreadable lines")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class DataLines:
    """The data lines of a file: its bytes from ``start`` to ``end``, not copied."""

    text: bytes
    start: int
    end: int
    count: int

    def __len__(self) -> int:
        return self.end - self.start

    def copy(self) -> bytes:
        return self.text[self.start : self.end]


def end_of_data(text: bytes) -> int:
    """Return where the empty lines at the end begin.

    A carriage return that no line feed follows ends no line, so it belongs to the data.
    """
    if text.endswith(b"\r"):
        return len(text)
    end = len(text)
    while end:  # in chunks: a copy of a whole file takes as much memory as the file
        start = max(0, end - _TAIL_BYTES)
        rest = text[start:end].rstrip(b"\r\n")
        end = start + len(rest)
        if rest:
            break
    return max(end, text.rfind(b"\r\r", end) + 1)


def read_header(text: bytes, start: int, end: int) -> tuple[tuple[str, ...] | None, int]:
    """Return the fields of the header line at ``start``, None without one, and where lines begin.

    A first line that is no header although it begins with a letter is left to ``read_lines``.
    """
    if start < end and text[start] in _HEADER_STARTS:
        line_end = text.find(b"\n", start, end)
        line = text[start : end if line_end < 0 else line_end]
        fields = _header_fields(line.removesuffix(b"\r"))
        if fields is not None:
            return fields, end if line_end < 0 else line_end + 1
    return None, start


def _header_fields(line: bytes) -> tuple[str, ...] | None:
    fields = line.split(b",")
    if any(mark in line for mark in (b'"', b"'", b"\r")):
        return None
    if any(len(name) > MAX_HEADER_FIELD_BYTES for name in fields):
        return None
    return tuple(name.decode("utf-8", "backslashreplace") for name in fields)


@dataclass(slots=True)
class _Column:
    # Arrays of machine numbers: as objects, four million lines would take 300 MB.
    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class _Reading:
    window: TimeWindow
    limits: FileLimits
    fields: int | None  # of the header, else of the first data line
    columns: list[_Column] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    lines: int = 0
    values: int = 0
    rounded: int = 0


def read_lines(data: bytes, window: TimeWindow, limits: FileLimits) -> FileSamples:
    """Return the content of ``data``, which ends behind its last data line.

    Raises ``UnreadableContent`` and ``TooManyValues``.
    """
    header, start = read_header(data, 0, len(data))
    body = data[start:]
    reading = _Reading(window, limits, None if header is None else len(header))
    for number, line, is_rest_erased in _lines(body, first=1 if header is None else 2):
        if number == 1 and line and line[0] in _HEADER_STARTS:
            reading.errors.append(explain_header(line))
            continue
        _read_line(reading, number, line, is_rest_erased)
        if len(reading.errors) == MAX_LISTED_ERRORS or is_rest_erased:
            break
    if reading.errors:
        raise UnreadableContent(reading.errors)
    if not reading.lines:
        raise UnreadableContent([LineError(1, 1, "", _EMPTY_FILE)])
    columns = [
        (np.array(column.times, dtype=np.int64), np.array(column.values, dtype=np.float64))
        for column in reading.columns
    ]
    return FileSamples(header, make_columns(columns), reading.lines, reading.rounded)


def _lines(body: bytes, first: int) -> Iterator[tuple[int, bytes, bool]]:
    """Yield number, bytes without the line's end, and whether the rest of the file was erased."""
    kept = body.rstrip(ERASED)
    if len(kept) == len(body) or any(byte in kept for byte in ERASED):
        kept = body
    position = 0
    for number, match in enumerate(_LINE.finditer(body), start=first):
        line, position = match.group(), match.end()
        line = line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")
        yield number, line, position > len(kept)


def _read_line(reading: _Reading, number: int, line: bytes, is_rest_erased: bool) -> None:
    fields = line.split(b",")
    time = TIME.fullmatch(fields[0])
    is_sound = (
        time is not None
        and 2 <= len(fields) <= 64
        and len(fields) == (reading.fields or len(fields))
        and any(fields[1:])
        and all(not value or VALUE.fullmatch(value) for value in fields[1:])
    )
    values = [float(value) if value else None for value in fields[1:]] if is_sound else []
    if not is_sound or time is None or any(v in (math.inf, -math.inf) for v in values):
        reading.errors.append(explain_line(number, line, reading.fields, is_rest_erased))
        return
    reading.fields = len(fields)
    time_ms, fraction = int(time[1]), int((time[2] or b"").ljust(3, b"0"))
    if not reading.window.holds(time_ms):
        reading.errors.append(explain_time(number, line, time_ms, reading.window))
        return
    _take(reading, time_ms * US_PER_MS + fraction, fields, values)


def _take(reading: _Reading, time_us: int, fields: list[bytes], values: list[float | None]) -> None:
    if not reading.columns:
        reading.columns = [_Column() for _ in values]
    reading.lines += 1
    for column, text, value in zip(reading.columns, fields[1:], values, strict=True):
        if value is not None:
            column.times.append(time_us)
            column.values.append(value)
            reading.values += 1
            reading.rounded += is_rounded(text)
    if reading.values > reading.limits.values:
        raise TooManyValues(reading.values, reading.limits.values)


_EXACT_CHARACTERS = 15  # a decimal of 15 digits is the shortest notation of its double


def is_rounded(text: bytes) -> bool:
    """Tell whether the shortest notation of the double of ``text`` is another decimal.

    ``text`` is a value of the file grammar, or empty.
    """
    if len(text) <= _EXACT_CHARACTERS and b"e" not in text and b"E" not in text:
        return False
    if not text:
        return False
    shortest = repr(float(text))
    return shortest.encode() != text and Decimal(shortest) != Decimal(text.decode())
