"""``device-client convert``: recognize an export, and write measurement files into a folder."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import IO

from device_client.conversion.actigraph import is_actigraph, read_actigraph
from device_client.conversion.delimited import read_delimited
from device_client.conversion.empatica import is_empatica, read_empatica
from device_client.conversion.source import ConversionError, Row, Source, Table
from device_client.conversion.timestamps import TimeReader, read_zone
from device_client.errors import DeviceError
from device_client.filenames import COLUMN_NAME, MEASUREMENT_NAME
from device_client.multipart import FilePart

FORMATS = ("actigraph", "csv", "empatica")
# A file's values, well below what servers accept in one file.
MAX_VALUES = 3_000_000


@dataclass(frozen=True)
class Options:
    """How to read exports: ``format`` "" recognizes it, ``columns`` [] takes all columns."""

    format: str = ""
    zone: tzinfo | None = None
    date_format: str = "yyyy-MM-dd"
    columns: Sequence[str] = ()

    @classmethod
    def parse(cls, options: argparse.Namespace) -> Options:
        """Return the options of a command line; raise ``DeviceError`` if one is invalid."""
        columns = options.columns.split(",") if options.columns else []
        for name in columns:
            if not COLUMN_NAME.fullmatch(name):
                raise DeviceError(f"--columns: {name!r} is no column name")
        try:
            zone = read_zone(options.timezone) if options.timezone else None
            TimeReader(zone, options.date_format)
        except ValueError as error:
            raise DeviceError(str(error)) from error
        return cls(options.format, zone, options.date_format, columns)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to read exports."""
    parser.add_argument("--format", choices=FORMATS, default="", help="instead of recognizing it")
    parser.add_argument(
        "--timezone",
        default="",
        metavar="ZONE",
        help="of times that name none: Europe/Berlin, UTC or +01:00",
    )
    parser.add_argument(
        "--date-format",
        default="yyyy-MM-dd",
        metavar="FORMAT",
        help="order of year, month and day in dates, for example dd.MM.yyyy (yyyy-MM-dd)",
    )
    parser.add_argument(
        "--columns",
        default="",
        metavar="NAME,NAME",
        help="the columns to take, or the names of all columns if the file has no titles",
    )


def read_export(path: Path, name: str, options: Options) -> tuple[Source, Table]:
    """Return the table of the export at ``path``; ``name`` "" is that of its kind or its file."""
    source = Source(path)
    with closing(source.read_lines()) as lines:
        first, second = next(lines, ""), next(lines, "")
    kind = options.format or _recognize(path, first, second)
    if kind == "empatica":
        return source, read_empatica(source, name)
    if kind == "actigraph":
        return source, read_actigraph(source, name, options.zone, options.columns)
    times = TimeReader(options.zone, options.date_format)
    return source, read_delimited(source, name, times, options.columns)


def _recognize(path: Path, first: str, second: str) -> str:
    if is_actigraph(first):
        return "actigraph"
    return "empatica" if path.name == "tags.csv" or is_empatica(first, second) else "csv"


@dataclass
class Converted:
    """A measurement file that was written; ``left_out`` lines of the export had no value."""

    path: Path
    name: str
    lines: int = 0
    left_out: int = 0


@dataclass
class Writer:
    """Writes tables into ``folder``, in files of at most ``max_values`` values.

    The files of an export appear together at its end: an export with an error leaves none.
    """

    folder: Path
    max_values: int = MAX_VALUES
    _drafts: list[tuple[IO[str], Converted]] = field(default_factory=list, init=False)

    def write(self, table: Table, source: Source) -> list[Converted]:
        """Write the rows of ``table``; return the files."""
        self._drafts = []
        try:
            self._write_rows(table)
            if not self._drafts:
                raise source.error("the file holds no value")
            for file, converted in self._drafts:
                file.close()
                Path(file.name).rename(converted.path)
        except OSError as error:
            raise ConversionError(f"cannot write to {self.folder}: {error.strerror}") from error
        finally:
            for file, _ in self._drafts:
                file.close()
                with suppress(OSError):
                    Path(file.name).unlink()
        return [converted for _, converted in self._drafts]

    def _write_rows(self, table: Table) -> None:
        values_left, left_out = 0, 0
        for time_us, values in table.rows:
            if not any(values):
                left_out += 1
                continue
            if values_left < len(values):
                self._open(table, time_us)
                values_left = self.max_values
            file, converted = self._drafts[-1]
            file.write(f"{_format_ms(time_us)},{','.join(values)}\n")
            converted.lines += 1
            converted.left_out, left_out = converted.left_out + left_out, 0
            values_left -= len(values)
        if self._drafts:
            self._drafts[-1][1].left_out += left_out

    def _open(self, table: Table, time_us: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._drafts:
            self._drafts[-1][0].close()
        date = datetime.fromtimestamp(time_us // 1_000_000, UTC)
        path = self.folder / f"{table.name}_{date:%Y_%m_%d_%H%M%S}.csv"
        if path.exists() or any(path == converted.path for _, converted in self._drafts):
            raise ConversionError(f"{path} exists: choose another folder or another NAME=")
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed by ``write``
            "w", encoding="ascii", dir=self.folder, prefix=".draft-", delete=False
        )
        self._drafts.append((file, Converted(path, table.name)))
        if table.columns:
            file.write(f"time_ms,{','.join(table.columns)}\n")


def _format_ms(time_us: int) -> str:
    milliseconds, microseconds = divmod(time_us, 1000)
    return (
        f"{milliseconds}.{microseconds:03d}".rstrip("0").rstrip(".")
        if microseconds
        else (str(milliseconds))
    )


def convert_files(arguments: Sequence[str], options: Options, folder: Path) -> Iterator[Converted]:
    """Convert the exports of arguments ``[NAME=]PATH`` into files in ``folder``."""
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or not MEASUREMENT_NAME.fullmatch(name):
            name, path = "", argument
        source, table = read_export(Path(path), name, options)
        yield from Writer(folder).write(_check_columns(table, source), source)


def _check_columns(table: Table, source: Source) -> Table:
    """Return ``table``; its first row must have as many values as there are columns."""

    def check() -> Iterator[Row]:
        for row in table.rows:
            if table.columns and len(table.columns) != len(row[1]):
                raise source.error(
                    f"{len(row[1])} values, but {len(table.columns)} names: {table.columns}"
                )
            yield row

    return Table(table.name, table.columns, check())


def read_converted(arguments: Sequence[str], options: Options) -> Iterator[FilePart]:
    """Convert exports and yield the measurement files to send."""
    with tempfile.TemporaryDirectory(prefix="converted-") as folder:
        for number, argument in enumerate(arguments):
            for file in convert_files([argument], options, Path(folder) / str(number)):
                yield FilePart(file.name, file.path.name, file.path.read_bytes())
                file.path.unlink()


def convert(options: argparse.Namespace) -> int:
    """Convert exports to measurement files in the folder ``--to``."""
    written: list[Converted] = []
    failure = ""
    try:
        for file in convert_files(options.files, Options.parse(options), options.to):
            written.append(file)
            if not options.json:
                print(_describe(file), flush=True)  # noqa: T201
    except DeviceError as error:
        failure = str(error)
        sys.stderr.write(f"{failure}\n")
    if options.json:
        files = [{**vars(file), "path": str(file.path)} for file in written]
        print(json.dumps({"files": files, "error": failure or None}, indent=2))  # noqa: T201
    return 1 if failure else 0


def _describe(file: Converted) -> str:
    left_out = f", {file.left_out} without a value left out" if file.left_out else ""
    return f"{file.path}  {file.name}  {file.lines} lines{left_out}"
