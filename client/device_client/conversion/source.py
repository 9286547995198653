"""Lines of an export, the table that a reader makes of them, and errors that name the line."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from device_client.errors import DeviceError

MAX_LINE_BYTES = 65_536
Row = tuple[int, Sequence[str]]

_VALUE = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?")
_SHORT = re.compile(r"([+-]?)(\d*)\.(\d*)((?:[eE][+-]?\d{1,3})?)")
_MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})


class ConversionError(DeviceError):
    """An export cannot be converted; the text names file, line and remedy."""


@dataclass
class Table:
    """What a reader finds in an export: rows ``(microseconds since 1970, values)``.

    ``columns`` are the names of several value columns, [] if the export has none. A value is ""
    where the cell is empty.
    """

    name: str
    columns: list[str]
    rows: Iterator[Row]


@dataclass
class Source:
    """An export. ``line`` is the number of the line that was read last."""

    path: Path
    line: int = field(default=0, init=False)

    def read_lines(self) -> Generator[str, None, None]:
        """Yield the lines without their ends; raise ``ConversionError`` if one is no text."""
        self.line = 0
        try:
            with self.path.open("rb") as file:
                while raw := file.readline(MAX_LINE_BYTES):
                    self.line += 1
                    yield self._decode(raw).rstrip("\r\n")
        except OSError as error:
            raise ConversionError(f"cannot read {self.path}: {error.strerror}") from error

    def _decode(self, raw: bytes) -> str:
        if len(raw) == MAX_LINE_BYTES:
            raise self.error("the line is too long: is this a text file?")
        if self.line == 1:
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise self.error("the file is UTF-16: save it as UTF-8")
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in raw:
            raise self.error("the line holds NUL bytes: is this a text file, and complete?")
        return raw.decode("utf-8", "replace")

    def error(self, text: str) -> ConversionError:
        """Return an error at the line that was read last."""
        line = f", line {self.line}" if self.line else ""
        return ConversionError(f"{self.path}{line}: {text}")

    def read_value(self, text: str, column: int, *, has_decimal_comma: bool = False) -> str:
        """Return a cell as a measurement file has it, "" for a missing value.

        ``column`` counts from 1 and is for the error.
        """
        cell = text.replace(",", ".") if has_decimal_comma else text
        if _VALUE.fullmatch(cell):
            return cell
        cell = cell.strip()
        if _VALUE.fullmatch(cell):
            return cell
        if cell.lower() in _MISSING:
            return ""
        short = _SHORT.fullmatch(cell)
        if short and (short[2] or short[3]):
            return f"{short[1]}{short[2] or '0'}.{short[3] or '0'}{short[4]}"
        raise self.error(
            f"column {column}: {cell[:40]!r} is no number: correct the cell or leave it empty, or "
            "choose columns with --columns"
        )


def split_cells(line: str, separator: str) -> list[str]:
    """Return the cells of a line, without white space and quotes around them."""
    cells = [cell.strip() for cell in line.split(separator)]
    return [cell.strip('"').strip() for cell in cells] if '"' in line else cells


def find_separator(line: str) -> str:
    """Return the separator of a line of data: semicolon, tab or comma."""
    if ";" in line:
        return ";"
    return "\t" if "\t" in line else ","


def make_column_names(titles: Sequence[str]) -> list[str]:
    """Return valid column names for the titles of an export: ``Accel-X (g)`` is ``Accel-X``.

    Returns [] if they are not all different, or if one is empty.
    """
    names = []
    for title in titles:
        name = re.sub(r"\(.*?\)|\[.*?\]", "", title).strip()
        names.append(re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")[:32])
    return names if all(names) and len(set(names)) == len(names) else []
