"""Parse the CSV file of a bulk enrolment: one row for each key to issue.

Pure: text in, rows and errors out. ``issuing`` checks the identities against the database.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from identities.durations import parse_duration

IDENTITY_COLUMN = "identity"
STUDY_COLUMN = "study"
COLUMNS = (IDENTITY_COLUMN, "note", "max_uses", "valid_for", STUDY_COLUMN)
MAX_ROWS = 10_000
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_NOTE_LENGTH = 200
MAX_USES = 2**31 - 1


@dataclass(frozen=True)
class EnrolmentRow:
    """One key to issue. ``line`` is where the row begins in the file, counted from 1."""

    line: int
    identity: str
    note: str
    max_uses: int
    valid_for: timedelta
    study: str = ""


@dataclass(frozen=True)
class RowError:
    """An error in the row that begins in ``line``, and its remedy.

    ``column`` is empty if the error concerns no single column.
    """

    line: int
    column: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.wrong}: {self.remedy}"


@dataclass(frozen=True)
class Defaults:
    """Values for empty cells and for columns that the file lacks."""

    note: str
    max_uses: int
    valid_for: timedelta
    study: str = ""


class InvalidEnrolment(ValueError):
    """The list cannot be enrolled: ``errors`` has every invalid row. No key was issued."""

    def __init__(self, errors: list[RowError]) -> None:
        self.errors = errors
        super().__init__("\n".join(map(str, errors)))


class _InvalidCell(ValueError):
    def __init__(self, column: str, wrong: str, remedy: str) -> None:
        self.column, self.wrong, self.remedy = column, wrong, remedy
        super().__init__(wrong)


def _invalid_file(line: int, wrong: str, remedy: str, column: str = "") -> InvalidEnrolment:
    return InvalidEnrolment([RowError(line, column, wrong, remedy)])


def decode(content: bytes) -> str:
    """Return the file's text; raise ``InvalidEnrolment`` if it is too large or not UTF-8."""
    if len(content) > MAX_FILE_BYTES:
        raise _invalid_file(1, f"more than {MAX_FILE_BYTES} bytes", "split the file.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _invalid_file(line, "not UTF-8", "save the file as CSV UTF-8.") from error


def parse(
    text: str, defaults: Defaults, max_rows: int = MAX_ROWS
) -> tuple[list[EnrolmentRow], list[RowError]]:
    """Return the valid rows of a CSV file and the errors of the others, both in file order.

    The header row is required. Columns are separated by commas, by semicolons (spreadsheets in
    much of Europe) or by tabs (spreadsheets on the clipboard). Empty rows and empty columns, which
    spreadsheets leave, are ignored. Raise ``InvalidEnrolment`` for a file with an invalid header,
    without rows or with too many.
    """
    records = _read_records(text)
    header = _read_header(records)
    rows: list[EnrolmentRow] = []
    errors: list[RowError] = []
    first_lines: dict[tuple[str, str], int] = {}
    for line, cells in records:
        if len(rows) + len(errors) >= max_rows:
            raise _invalid_file(line, f"more than {max_rows} rows", "split the file.")
        row = _read_row(line, cells, header, defaults)
        if isinstance(row, RowError):
            errors.append(row)
            continue
        first = first_lines.setdefault((row.identity.lower(), row.note), line)
        if first == line:
            rows.append(row)
        else:
            errors.append(_repeated_row(row, first))
    if not rows and not errors:
        raise _invalid_file(1, "no row below the header", "add one for each device.")
    return rows, errors


def _read_records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each non-empty record with the line in which it begins."""
    head = text.lstrip("\r\n").partition("\n")[0]
    delimiter = next((character for character in ",;\t" if character in head), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        wrong = "not CSV: a quotation mark is missing, or out of place"
        remedy = "quote whole cells, and double the quotation marks in them."
        raise _invalid_file(line, wrong, remedy) from error


def _read_header(records: Iterator[tuple[int, list[str]]]) -> list[str]:
    line, cells = next(records, (1, [""]))
    names = _without_empty_end([cell.lower() for cell in cells])
    allowed = ", ".join(COLUMNS)
    if IDENTITY_COLUMN not in names:
        remedy = f"begin with a header row of {allowed}."
        raise _invalid_file(line, f"no column {IDENTITY_COLUMN!r}", remedy)
    for name in filter(None, names):
        if name not in COLUMNS:
            wrong = f"unknown column {name[:40]!r}"
            raise _invalid_file(line, wrong, f"known are {allowed}.", name[:40])
        if names.count(name) > 1:
            raise _invalid_file(line, "a column appears twice in the header", "delete one.", name)
    return names


def _without_empty_end(cells: list[str]) -> list[str]:
    used = len(cells)
    while used and not cells[used - 1]:
        used -= 1
    return cells[:used]


def _read_row(
    line: int, cells: list[str], header: list[str], defaults: Defaults
) -> EnrolmentRow | RowError:
    cells = cells[: len(header)] + _without_empty_end(cells[len(header) :])
    if len(cells) != len(header):
        wrong = f"{len(cells)} columns where the header has {len(header)}"
        return RowError(line, "", wrong, "quote cells that contain commas.")
    values = dict(zip(header, cells, strict=True))
    if unnamed := [cell for name, cell in zip(header, cells, strict=True) if cell and not name]:
        wrong = f"{unnamed[0][:40]!r} is in a column without a name"
        return RowError(line, "", wrong, "name the column in the header, or delete it.")
    if not values[IDENTITY_COLUMN]:
        return RowError(line, IDENTITY_COLUMN, "no identity", "enter its name.")
    try:
        return EnrolmentRow(
            line,
            values[IDENTITY_COLUMN],
            _check_note(values.get("note") or defaults.note),
            _parse_uses(values["max_uses"]) if values.get("max_uses") else defaults.max_uses,
            _parse_ttl(values["valid_for"]) if values.get("valid_for") else defaults.valid_for,
            values.get(STUDY_COLUMN) or defaults.study,
        )
    except _InvalidCell as error:
        return RowError(line, error.column, error.wrong, error.remedy)


def _check_note(text: str) -> str:
    if len(text) > MAX_NOTE_LENGTH:
        wrong = f"the note has {len(text)} characters"
        raise _InvalidCell("note", wrong, f"at most {MAX_NOTE_LENGTH}.")
    if not text.isprintable():
        wrong = "the note contains a line break or a control character"
        raise _InvalidCell("note", wrong, "remove it.")
    return text


def _parse_uses(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise _InvalidCell(
            "max_uses", f"max_uses {text[:40]!r} is not a whole number", "such as 1."
        )
    if not 1 <= int(text) <= MAX_USES:
        remedy = f"from 1 to {MAX_USES}."
        raise _InvalidCell("max_uses", f"max_uses {text} is out of range", remedy)
    return int(text)


def _parse_ttl(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        wrong, _, remedy = str(error).rpartition(": ")
        raise _InvalidCell("valid_for", wrong, remedy) from error


def _repeated_row(row: EnrolmentRow, first_line: int) -> RowError:
    return RowError(
        row.line,
        IDENTITY_COLUMN,
        f"{row.identity[:70]!r} with the same note is in line {first_line}",
        "delete one, raise max_uses, or give each device its own note.",
    )
