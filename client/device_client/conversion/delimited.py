"""Exports of Axivity and others: lines of a time and values, with or without a line of titles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from device_client.conversion.source import (
    ConversionError,
    Row,
    Source,
    Table,
    find_separator,
    make_column_names,
    split_cells,
)
from device_client.conversion.timestamps import TimeReader
from device_client.filenames import derive_measurement_name

_DATE_ALONE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")


def read_delimited(source: Source, name: str, times: TimeReader, columns: Sequence[str]) -> Table:
    """Return the table of lines ``time,value[,value…]``, separated by comma, semicolon or tab.

    The time is the first cell, or a date and a time in the first two. ``columns`` are the columns
    to take, by title; without a line of titles they name all columns.
    """
    if not name:
        try:
            name = derive_measurement_name(source.path.name)
        except ValueError as error:
            raise ConversionError(str(error)) from error
    lines = (line for line in source.read_lines() if line.strip() and line[:1] != "#")
    first = next(lines, None)
    if first is None:
        raise source.error("the file holds no data")
    titles: list[str] = []
    if not first.strip().strip('"')[:1].isdigit():
        titles = split_cells(first, find_separator(first))
        first = next(lines, None)
        if first is None:
            raise source.error("no data follow the line of titles")
    cells = split_cells(first, find_separator(first))
    time_cells = 2 if len(cells) > 2 and _DATE_ALONE.fullmatch(cells[0]) else 1
    if titles and len(titles) != len(cells):
        raise source.error(f"{len(cells)} cells, but {len(titles)} titles in the first line")
    taken, names = _choose(source, titles, len(cells), time_cells, columns)
    rows = _read_rows(source, chain([first], lines), times, (len(cells), time_cells, taken))
    return Table(name, names if len(taken) > 1 else [], rows)


def _choose(
    source: Source, titles: Sequence[str], count: int, time_cells: int, columns: Sequence[str]
) -> tuple[list[int], list[str]]:
    """Return the indexes of the cells to take, and the columns' names."""
    every = list(range(time_cells, count))
    if not every:
        raise source.error("the line holds a time and no value")
    found = make_column_names(titles[time_cells:])
    if not columns:
        return every, found
    if found and set(columns) <= set(found):
        return [time_cells + found.index(column) for column in columns], list(columns)
    if len(columns) == len(every):
        return every, list(columns)
    known = ", ".join(found) or "without titles"
    raise source.error(f"--columns names {len(columns)} of {len(every)} columns ({known})")


def _read_rows(
    source: Source, lines: Iterator[str], times: TimeReader, form: tuple[int, int, list[int]]
) -> Iterator[Row]:
    """Yield the rows; ``form`` is the number of cells, of time cells, and the indexes to take."""
    count, time_cells, taken = form
    for line in lines:
        separator = find_separator(line)
        cells = split_cells(line, separator)
        if len(cells) != count:
            raise source.error(f"{len(cells)} cells, but {count} in the first line of data")
        try:
            time_us = times.read(" ".join(cells[:time_cells]))
        except ValueError as error:
            raise source.error(str(error)) from error
        has_comma = separator != ","
        yield (
            time_us,
            [
                source.read_value(cells[index], index + 1, has_decimal_comma=has_comma)
                for index in taken
            ],
        )
