"""Names of the value columns of a measurement file. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.escaping import MARKUP, escape
from ingest.parsing.measurement_file_errors import MAX_GOT_LENGTH, LineError

MAX_SERIES_NAME_LENGTH = 64
COLUMN_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"

_NAME_HINT = "A column name is 1 to 32 of A-Z a-z 0-9 _ - and begins with a letter or digit."
_TWICE_HINT = "Two columns have the name {name}: give each its own."
_LENGTH_HINT = "The series {series}… would have more than 64 characters: shorten a name."


def name_columns(
    header: Sequence[str] | None, number: int, names_of_type: Sequence[str]
) -> tuple[str, ...] | None:
    """Return the names of a file's value columns, None for a single one, which needs no name.

    They come from the header line, else from the measurement type if their number fits, else they
    are 1, 2, ….
    """
    if number == 1:
        return None
    if header is not None:
        return tuple(header[1:])
    if len(names_of_type) == number:
        return tuple(names_of_type)
    return tuple(str(index) for index in range(1, number + 1))


def explain_bad_columns(measurement: str, columns: Sequence[str]) -> list[LineError]:
    """Return the errors of column names that cannot name series of ``measurement``."""
    errors: list[LineError] = []
    seen: set[str] = set()
    for field, name in enumerate(columns, start=2):
        hint = ""
        if re.fullmatch(COLUMN_NAME, name) is None:
            hint = _NAME_HINT
        elif name in seen:
            hint = _TWICE_HINT.format(name=name)
        elif len(f"{measurement}.{name}") > MAX_SERIES_NAME_LENGTH:
            hint = _LENGTH_HINT.format(series=f"{measurement}.{name}"[:MAX_GOT_LENGTH])
        seen.add(name)
        if hint:
            column = sum(len(other.encode()) + 1 for other in ("time", *columns[: field - 2])) + 1
            got = escape(name, MAX_GOT_LENGTH, also=MARKUP)
            errors.append(LineError(1, column, got, hint, field))
    return errors
