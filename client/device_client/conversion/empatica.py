"""Exports of the Empatica E4: a line of start times, a line of rates, then samples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from device_client.conversion.source import Row, Source, Table

_START = re.compile(r"(\d{9,10})(\.\d{1,9})?")
_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,12})?")
_COUNTS_PER_G = 64  # ACC.csv is in 1/64 g


def is_empatica(first: str, second: str) -> bool:
    """Whether the first two lines are those of an E4 export, ``tags.csv`` apart."""
    starts = [cell.strip() for cell in first.split(",")]
    if not _START.fullmatch(starts[0]):
        return False
    if len(starts) == 2 and starts[1] == "IBI":
        return True
    rates = [cell.strip() for cell in second.split(",")]
    return (
        len(set(starts)) == len(set(rates)) == 1
        and len(starts) == len(rates)
        and (re.fullmatch(r"\d{1,3}\.0*", rates[0]) is not None)
    )


def read_empatica(source: Source, name: str) -> Table:
    """Return the table of ``ACC.csv`` in g, of ``IBI.csv`` in milliseconds, of others as written.

    ``name`` "" is the file's name in lower case. ``tags.csv`` gives the value 1 at each time.
    """
    name = name or source.path.stem.lower()
    if source.path.stem.lower() == "tags":
        return Table(name, [], _read_tags(source))
    lines = source.read_lines()
    start = next(lines, "").split(",")
    if len(start) == 2 and start[1].strip() == "IBI":
        return Table(name, [], _read_intervals(source, start[0], lines))
    columns = ["x", "y", "z"] if len(start) == 3 else []
    return Table(name, columns, _read_samples(source, start, lines))


def _read_start(source: Source, text: str) -> int:
    if not _START.fullmatch(text.strip()):
        raise source.error(f"{text.strip()[:40]!r} is no start time in epoch seconds")
    return _to_microseconds(text)


def _to_microseconds(seconds: str) -> int:
    return round(Decimal(seconds.strip()) * 1_000_000)


def _read_samples(source: Source, start: list[str], lines: Iterator[str]) -> Iterator[Row]:
    start_us = _read_start(source, start[0])
    rate_text = next(lines, "").split(",")[0].strip()
    if not _NUMBER.fullmatch(rate_text) or Fraction(rate_text) <= 0:
        raise source.error(f"{rate_text[:40]!r} is no sampling rate in hertz")
    period_us = 1_000_000 / Fraction(rate_text)
    for index, line in enumerate(filter(None, lines)):
        cells = line.split(",")
        if len(cells) != len(start):
            raise source.error(
                f"{len(cells)} values, but {len(start)} in the first line: export the file again"
            )
        values = [source.read_value(cell, column) for column, cell in enumerate(cells, 1)]
        if len(cells) == 3:
            values = [_convert_to_g(source, value) for value in values]
        yield start_us + round(index * period_us), values


def _convert_to_g(source: Source, value: str) -> str:
    try:
        return repr(int(value) / _COUNTS_PER_G) if value else ""
    except ValueError:
        raise source.error(f"{value!r} is no whole number: E4 exports are in 1/64 g") from None


def _read_intervals(source: Source, start: str, lines: Iterator[str]) -> Iterator[Row]:
    start_us = _read_start(source, start)
    for line in filter(None, lines):
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != 2 or not all(map(_NUMBER.fullmatch, cells)):
            raise source.error(f"{line[:40]!r}: expected an offset and an interval in seconds")
        milliseconds = (Decimal(cells[1]) * 1000).normalize()
        yield start_us + _to_microseconds(cells[0]), [f"{milliseconds:f}"]


def _read_tags(source: Source) -> Iterator[Row]:
    for line in filter(None, source.read_lines()):
        yield _read_start(source, line), ["1"]
