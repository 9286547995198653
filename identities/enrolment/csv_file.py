"""The list of a study as CSV: for each device an identity and what its key shall be good for.

Pure: text in, rows and faults out. Whether an identity exists is for ``enrolling`` to see.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from identities.durations import parse_duration

REQUIRED = "identity"
COLUMNS = (REQUIRED, "note", "max_uses", "valid_for")
MAX_ROWS = 10_000
MAX_BYTES = 4 * 1024 * 1024
MAX_NOTE = 200
MAX_USES = 2**31 - 1


@dataclass(frozen=True)
class EnrolmentRow:
    """One key to issue. ``line`` counts from 1, where the row begins in the file."""

    line: int
    identity: str
    note: str
    max_uses: int
    valid_for: timedelta


@dataclass(frozen=True)
class RowFault:
    """What is wrong with the row that begins in ``line``, and what to do about it.

    ``column`` is a column's name, empty where the fault is not in one.
    """

    line: int
    column: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.wrong}: {self.remedy}"


@dataclass(frozen=True)
class Defaults:
    """What a row gets that leaves a column empty, or a file that lacks the column."""

    note: str
    max_uses: int
    valid_for: timedelta


class BadEnrolment(ValueError):
    """Nothing was issued: ``faults`` names every bad row."""

    def __init__(self, faults: list[RowFault]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


class _BadCell(ValueError):
    """A cell that cannot be read."""

    def __init__(self, column: str, wrong: str, remedy: str) -> None:
        self.column, self.wrong, self.remedy = column, wrong, remedy
        super().__init__(wrong)


def _no_such_list(line: int, wrong: str, remedy: str, column: str = "") -> BadEnrolment:
    return BadEnrolment([RowFault(line, column, wrong, remedy)])


def decode(content: bytes) -> str:
    """Return the file's text; raise ``BadEnrolment`` where it cannot be such a file."""
    if len(content) > MAX_BYTES:
        raise _no_such_list(1, f"more than {MAX_BYTES} bytes", "split the file.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _no_such_list(line, "not UTF-8", "save the file as CSV UTF-8.") from error


def parse(
    text: str, defaults: Defaults, most_rows: int = MAX_ROWS
) -> tuple[list[EnrolmentRow], list[RowFault]]:
    """Return the good rows of a CSV file and the faults of the others, both in file order.

    The header row is required; commas divide the columns or, as spreadsheets in much of Europe
    write it, semicolons or, as they put it on the clipboard, tabs. Empty rows count for nothing.
    Raise ``BadEnrolment`` for a file whose columns cannot be told, or that holds no row.
    """
    records = _records(text)
    header = _header(records)
    rows: list[EnrolmentRow] = []
    faults: list[RowFault] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in records:
        if len(rows) + len(faults) >= most_rows:
            raise _no_such_list(line, f"more than {most_rows} rows", "split the file.")
        found = _row(line, cells, header, defaults)
        if isinstance(found, RowFault):
            faults.append(found)
            continue
        first = seen.setdefault((found.identity.lower(), found.note), line)
        if first == line:
            rows.append(found)
        else:
            faults.append(_repeats(found, first))
    if not rows and not faults:
        raise _no_such_list(1, "no row below the header", "add one for each device.")
    return rows, faults


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not empty, with the line that it begins in."""
    head = text.lstrip("\r\n").partition("\n")[0]
    delimiter = next((one for one in ",;\t" if one in head), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise _no_such_list(line, f"not CSV ({error})", "mind the quotation marks.") from error


def _header(records: Iterator[tuple[int, list[str]]]) -> list[str]:
    line, cells = next(records, (1, [""]))
    names = [cell.lower() for cell in cells]
    allowed = ", ".join(COLUMNS)
    if REQUIRED not in names:
        remedy = f"begin with a header row of {allowed}."
        raise _no_such_list(line, f"no column {REQUIRED!r}", remedy)
    for name in names:
        if name not in COLUMNS:
            told = name[:40]
            raise _no_such_list(line, f"unknown column {told!r}", f"known are {allowed}.", told)
        if names.count(name) > 1:
            raise _no_such_list(line, "a column stands twice in the header", "delete one.", name)
    return names


def _row(
    line: int, cells: list[str], header: list[str], defaults: Defaults
) -> EnrolmentRow | RowFault:
    if len(cells) != len(header):
        wrong = f"{len(cells)} columns where the header has {len(header)}"
        return RowFault(line, "", wrong, "quote what holds commas.")
    told = dict(zip(header, cells, strict=True))
    if not told[REQUIRED]:
        return RowFault(line, REQUIRED, "no identity", "give its name.")
    try:
        return EnrolmentRow(
            line,
            told[REQUIRED],
            _note(told.get("note") or defaults.note),
            _uses(told["max_uses"]) if told.get("max_uses") else defaults.max_uses,
            _span(told["valid_for"]) if told.get("valid_for") else defaults.valid_for,
        )
    except _BadCell as error:
        return RowFault(line, error.column, error.wrong, error.remedy)


def _note(text: str) -> str:
    if len(text) > MAX_NOTE:
        wrong = f"the note has {len(text)} characters"
        raise _BadCell("note", wrong, f"at most {MAX_NOTE}.")
    if not text.isprintable():
        wrong = "the note holds a line break or a control character"
        raise _BadCell("note", wrong, "take it out.")
    return text


def _uses(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise _BadCell("max_uses", f"max_uses {text[:40]!r} is no whole number", "such as 1.")
    if not 1 <= int(text) <= MAX_USES:
        raise _BadCell("max_uses", f"max_uses {text} is out of range", f"from 1 to {MAX_USES}.")
    return int(text)


def _span(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        wrong, _, remedy = str(error).rpartition(": ")
        raise _BadCell("valid_for", wrong, remedy) from error


def _repeats(row: EnrolmentRow, first: int) -> RowFault:
    return RowFault(
        row.line,
        REQUIRED,
        f"{row.identity[:70]!r} with the same note stands in line {first}",
        "delete one, raise max_uses, or give each device a note of its own.",
    )
