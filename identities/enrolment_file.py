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
MOST_ROWS = 10_000
MOST_BYTES = 4 * 1024 * 1024
LONGEST_NOTE = 200
MOST_USES = 2**31 - 1


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
    """What is wrong with the row that begins in ``line``, and what to do about it."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


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


def decode(content: bytes) -> str:
    """Return the file's text; raise ``BadEnrolment`` where it cannot be such a file."""
    if len(content) > MOST_BYTES:
        raise BadEnrolment([RowFault(1, f"more than {MOST_BYTES} bytes: split the file.")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadEnrolment([RowFault(line, "not UTF-8: save the file as CSV UTF-8.")]) from error


def parse(text: str, defaults: Defaults) -> tuple[list[EnrolmentRow], list[RowFault]]:
    """Return the good rows of a CSV file and the faults of the others, both in file order.

    The header row is required; commas or, as spreadsheets in much of Europe write it,
    semicolons divide the columns. Empty rows count for nothing. Raise ``BadEnrolment`` for a
    file whose columns cannot be told, or that holds no row.
    """
    records = _records(text)
    header = _header(records)
    rows: list[EnrolmentRow] = []
    faults: list[RowFault] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in records:
        if len(rows) + len(faults) >= MOST_ROWS:
            raise BadEnrolment([RowFault(line, f"more than {MOST_ROWS} rows: split the file.")])
        found = _row(line, cells, header, defaults)
        if isinstance(found, RowFault):
            faults.append(found)
            continue
        first = seen.setdefault((found.identity.lower(), found.note), line)
        if first == line:
            rows.append(found)
        else:
            faults.append(RowFault(line, _repeats(found, first)))
    if not rows and not faults:
        raise BadEnrolment([RowFault(1, "no row below the header: add one for each device.")])
    return rows, faults


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not empty, with the line that it begins in."""
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadEnrolment(
            [RowFault(line, f"not CSV ({error}): mind the quotation marks.")]
        ) from error


def _header(records: Iterator[tuple[int, list[str]]]) -> list[str]:
    line, cells = next(records, (1, [""]))
    names = [cell.lower() for cell in cells]
    allowed = ", ".join(COLUMNS)
    if REQUIRED not in names:
        raise BadEnrolment(
            [RowFault(line, f"no column {REQUIRED!r}: begin with a header row of {allowed}.")]
        )
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise BadEnrolment([RowFault(line, f"unknown column {unknown[0]!r}: known are {allowed}.")])
    if len(set(names)) < len(names):
        raise BadEnrolment([RowFault(line, "a column stands twice in the header: delete one.")])
    return names


def _row(
    line: int, cells: list[str], header: list[str], defaults: Defaults
) -> EnrolmentRow | RowFault:
    if len(cells) != len(header):
        text = f"{len(cells)} columns where the header has {len(header)}: quote what holds commas."
        return RowFault(line, text)
    told = dict(zip(header, cells, strict=True))
    if not told[REQUIRED]:
        return RowFault(line, "no identity: give its name.")
    try:
        return EnrolmentRow(
            line,
            told[REQUIRED],
            _note(told.get("note") or defaults.note),
            _uses(told["max_uses"]) if told.get("max_uses") else defaults.max_uses,
            parse_duration(told["valid_for"]) if told.get("valid_for") else defaults.valid_for,
        )
    except ValueError as error:
        return RowFault(line, str(error))


def _note(text: str) -> str:
    if len(text) > LONGEST_NOTE:
        raise ValueError(f"the note has {len(text)} characters: at most {LONGEST_NOTE}.")
    if not text.isprintable():
        raise ValueError("the note holds a line break or a control character: take it out.")
    return text


def _uses(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError(f"max_uses {text[:40]!r} is no whole number: such as 1.")
    if not 1 <= int(text) <= MOST_USES:
        raise ValueError(f"max_uses {text} is out of range: from 1 to {MOST_USES}.")
    return int(text)


def _repeats(row: EnrolmentRow, first: int) -> str:
    return (
        f"{row.identity!r} with the same note stands in line {first}: "
        "delete one, raise max_uses, or give each device a note of its own."
    )
