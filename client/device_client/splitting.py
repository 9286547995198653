"""Split a measurement file by time into files that keep a server's limits. Pure.

Lines of one time stay together and in order, so that the parts give the same samples as the file.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LINE = re.compile(rb"(\d{1,16})(?:\.(\d{1,3}))?,[^\n]*")
_HOUR_US = 3_600_000_000
_MARGIN_BYTES = 4096  # the form around the file


@dataclass(frozen=True)
class Limits:
    """The most that one request may hold; None where the server publishes no limit."""

    size: int | None = None
    lines: int | None = None
    values: int | None = None
    hours: int | None = None

    @classmethod
    def published(cls, limits: Mapping[str, object]) -> Limits:
        """Return the limits of the response to a ``GET``."""

        def find(*names: str) -> int | None:
            found = [value for name in names if isinstance(value := limits.get(name), int)]
            return min((value for value in found if value > 0), default=None)

        return cls(
            find("request_bytes", "bytes_per_identity_and_day"),
            find("lines_per_file"),
            find("values_per_file"),
            find("hours_per_request"),
        )

    def count_lines(self, columns: int) -> int | None:
        """Return how many lines of ``columns`` values fit into one request."""
        found = [] if self.lines is None else [self.lines]
        if self.values is not None:
            found.append(self.values // columns)
        return max(1, min(found)) if found else None

    def count_hours(self, columns: int) -> int | None:
        """Return how many hours fit: every column is a series, with hours of its own."""
        return None if self.hours is None else max(1, self.hours // columns)


def split_by_time(content: bytes, limits: Limits) -> list[bytes]:
    """Return the parts of ``content`` in order of time, each with the file's header line.

    A file that keeps ``limits`` is halved: the server has refused it all the same. Returns [] if
    the file cannot be split: it holds a single time, or a line that is no data line.
    """
    header, lines, times = _read_lines(content)
    if not times or min(times) == max(times):
        return []
    columns = lines[0].count(b",")
    order: Sequence[int] = range(len(times))
    if any(later < earlier for earlier, later in pairwise(times)):
        order = sorted(order, key=times.__getitem__)
    counts = _Counts(
        None if limits.size is None else max(1, limits.size - _MARGIN_BYTES - len(header)),
        limits.count_lines(columns),
        limits.count_hours(columns),
    )
    cuts = list(_find_cuts(lines, times, order, counts)) or [_find_middle(times, order)]
    bounds = pairwise([0, *cuts, len(order)])
    return [header + b"".join(lines[index] + b"\n" for index in order[a:b]) for a, b in bounds]


def _read_lines(content: bytes) -> tuple[bytes, list[bytes], array[int]]:
    """Return the header line, the data lines and their times in microseconds."""
    lines = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    header = lines.pop(0) + b"\n" if lines[0][:1].isalpha() else b""
    times = array("q")
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            return header, [], array("q")
        times.append(int(match[1]) * 1000 + int((match[2] or b"").ljust(3, b"0")))
    return header, lines, times


@dataclass(frozen=True)
class _Counts:
    size: int | None
    lines: int | None
    hours: int | None

    def are_exceeded(self, size: int, lines: int, hours: int) -> bool:
        pairs = ((size, self.size), (lines, self.lines), (hours, self.hours))
        return any(limit is not None and count > limit for count, limit in pairs)


def _find_cuts(
    lines: Sequence[bytes], times: Sequence[int], order: Sequence[int], counts: _Counts
) -> Iterator[int]:
    """Yield the positions in ``order`` at which a new part begins."""
    start = instant = size = hours = 0  # the part; the first line of the current time
    size_of_instant, hour = 0, -1
    for position, index in enumerate(order):
        if times[index] != times[order[instant]]:
            instant, size_of_instant = position, 0
        cost = len(lines[index]) + 1
        size, size_of_instant = size + cost, size_of_instant + cost
        if times[index] // _HOUR_US != hour:
            hour, hours = times[index] // _HOUR_US, hours + 1
        if counts.are_exceeded(size, position - start + 1, hours) and instant > start:
            yield instant
            start, size, hours = instant, size_of_instant, 1


def _find_middle(times: Sequence[int], order: Sequence[int]) -> int:
    """Return the position nearest to the middle at which the time changes."""
    changes = (at for at in range(1, len(order)) if times[order[at]] != times[order[at - 1]])
    return min(changes, key=lambda at: abs(at - len(order) // 2))
