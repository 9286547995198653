"""CSV exports of ActiGraph: a block of ten header lines, then raw data or epochs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction
from itertools import chain

from device_client.conversion.source import (
    Row,
    Source,
    Table,
    find_separator,
    make_column_names,
    split_cells,
)
from device_client.conversion.timestamps import TimeReader

_MAX_HEADER_LINES = 30
_DATE_FORMAT = re.compile(r"date format (\S+)")
_RATE = re.compile(r" at (\d{1,4}) Hz")
_EPOCH = re.compile(r"Epoch Period \(hh:mm:ss\) (\d\d):(\d\d):(\d\d)")
_START = re.compile(r"Start (Time|Date) (\S+)")


def is_actigraph(first: str) -> bool:
    """Whether the first line is that of an ActiGraph export."""
    return "ActiGraph" in first and first.lstrip('"').startswith("-")


@dataclass(frozen=True)
class _Header:
    """``period_us`` is the time between two lines, ``is_raw`` whether they are samples in g."""

    start_us: int
    period_us: Fraction
    is_raw: bool
    times: TimeReader


def read_actigraph(source: Source, name: str, zone: tzinfo | None, columns: Sequence[str]) -> Table:
    """Return the table of raw data (``acc``, in g) or of epochs (``activity``).

    The logger's clock is not changed by daylight saving time: lines without times are counted from
    the start, which alone has to be unambiguous in ``zone``.
    """
    lines = source.read_lines()
    header = _read_header(source, lines, zone)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise source.error("the header is complete, but no data follow: export the file again")
    titles: list[str] = []
    if first.strip().strip('"')[:1].isalpha():
        titles = split_cells(first, find_separator(first))
        first = next((line for line in lines if line.strip()), "")
    time_cells = _count_time_cells(titles)
    found = list(columns) or make_column_names(titles[time_cells:])
    count = len(split_cells(first, find_separator(first))) - time_cells
    if not columns and header.is_raw and count == 3:
        found = ["x", "y", "z"]
    rows = _read_rows(source, chain([first], lines), header, time_cells, count)
    return Table(name or ("acc" if header.is_raw else "activity"), found, rows)


def _count_time_cells(titles: Sequence[str]) -> int:
    lowered = [title.lower() for title in titles]
    if lowered[:2] == ["date", "time"]:
        return 2
    return 1 if lowered[:1] == ["timestamp"] else 0


def _read_header(source: Source, lines: Iterator[str], zone: tzinfo | None) -> _Header:
    text = [next(lines, "")]
    for line in lines:
        text.append(line)
        if line.lstrip('"').startswith("---"):
            break
        if len(text) > _MAX_HEADER_LINES:
            raise source.error("the end of the header, a line of dashes, is missing")
    block = "\n".join(text)
    date_format, rate, epoch = (pattern.search(block) for pattern in (_DATE_FORMAT, _RATE, _EPOCH))
    start = dict(_START.findall(block))
    if epoch is None or date_format is None or set(start) != {"Time", "Date"}:
        raise source.error(
            "the header lacks its date format, start time, start date or epoch period: export the "
            "file again with the header"
        )
    seconds = int(epoch[1]) * 3600 + int(epoch[2]) * 60 + int(epoch[3])
    if seconds == 0 and (rate is None or int(rate[1]) == 0):
        raise source.error("the header of raw data lacks its rate (at 30 Hz)")
    period_us = (
        Fraction(1_000_000 * seconds)
        if seconds or rate is None
        else (Fraction(1_000_000, int(rate[1])))
    )
    try:
        times = TimeReader(zone, date_format[1])
        start_us = times.read(f"{start['Date']} {start['Time']}")
    except ValueError as error:
        raise source.error(f"start of the recording: {error}") from error
    return _Header(start_us, period_us, seconds == 0, times)


def _read_rows(
    source: Source, lines: Iterator[str], header: _Header, time_cells: int, count: int
) -> Iterator[Row]:
    for index, line in enumerate(line for line in lines if line.strip()):
        separator = find_separator(line)
        cells = split_cells(line, separator)
        if len(cells) != time_cells + count:
            raise source.error(
                f"{len(cells)} values, but {time_cells + count} in the first line of data"
            )
        if time_cells:
            try:
                time_us = header.times.read(" ".join(cells[:time_cells]))
            except ValueError as error:
                raise source.error(str(error)) from error
        else:
            time_us = header.start_us + round(index * header.period_us)
        has_comma = separator != ","
        yield (
            time_us,
            [
                source.read_value(cell, column, has_decimal_comma=has_comma)
                for column, cell in enumerate(cells[time_cells:], time_cells + 1)
            ],
        )
