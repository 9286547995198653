"""Find the lines of a measurement file whose time stands on an earlier line too. Pure."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ingest.parsing.measurement_file import BYTE_ORDER_MARK
from ingest.parsing.measurement_file_errors import LineError, show_line
from ingest.parsing.measurement_file_lines import end_of_data, read_header
from ingest.parsing.samples import US_PER_MS

REPEATED_TIME = (
    "The time {time} stands on line {line} too, and the measurement type refuses repeated times: "
    "send one value a time, with fractions of a millisecond where a sensor is as fast."
)
_TIME = re.compile(rb"^([0-9]{1,16})(?:\.([0-9]{1,3}))?,", re.MULTILINE)


def explain_repeated_times(content: bytes, most: int) -> list[LineError]:
    """Return the first ``most`` lines of a readable file that repeat the time of a column.

    Lines of one time without a column in common repeat nothing.
    """
    seen: dict[int, dict[int, int]] = {}  # time -> column -> line
    errors: list[LineError] = []
    for number, time_us, line in _lines_of_shared_times(content):
        columns = [field for field, value in enumerate(line.split(b",")) if field and value]
        known = seen.setdefault(time_us, {})
        earlier = next((known[column] for column in columns if column in known), None)
        if earlier is not None:
            hint = REPEATED_TIME.format(time=line.partition(b",")[0].decode(), line=earlier)
            errors.append(LineError(number, 1, show_line(line), hint, 1))
            if len(errors) == most:
                break
        known.update(dict.fromkeys(columns, number))
    return errors


def find_values_not_kept(content: bytes, column: int) -> dict[int, list[float]]:
    """Return the values of a readable file that a later line of the same time replaces.

    Keys are epoch microseconds, in no order; ``column`` counts the value columns from 0.
    """
    latest: dict[int, float] = {}
    not_kept: dict[int, list[float]] = {}
    for _, time_us, line in _lines_of_shared_times(content):
        value = line.split(b",")[column + 1]
        if value:
            if time_us in latest:
                not_kept.setdefault(time_us, []).append(latest[time_us])
            latest[time_us] = float(value)
    return not_kept


def _lines_of_shared_times(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, time (epoch microseconds) and bytes of each line whose time others have too."""
    text = content.removeprefix(BYTE_ORDER_MARK)
    end = end_of_data(text)
    header, start = read_header(text, 0, end)
    body = text[start:end]
    first_line = 1 if header is None else 2
    times, starts = _find_times(body)
    for index in _shared_times(times):
        end = body.find(b"\n", starts[index])
        line = body[starts[index] : end if end >= 0 else len(body)].removesuffix(b"\r")
        yield first_line + index, times[index], line


def _find_times(body: bytes) -> tuple[array[int], array[int]]:
    """Return time (epoch microseconds) and position of each line."""
    times, starts = array("q"), array("q")
    for match in _TIME.finditer(body):
        times.append(int(match[1]) * US_PER_MS + int((match[2] or b"").ljust(3, b"0")))
        starts.append(match.start())
    return times, starts


def _shared_times(times: array[int]) -> Iterator[int]:
    """Yield the indexes, ascending, of the times that occur more than once."""
    given: NDArray[np.int64] = np.frombuffer(times, dtype=np.int64)
    order = np.argsort(given, kind="stable")
    is_same = np.diff(given[order]) == 0
    is_shared = np.zeros(len(given), dtype=bool)
    is_shared[order[1:]] = is_same
    is_shared[order[:-1]] |= is_same
    yield from np.flatnonzero(is_shared).tolist()
