"""Read a measurement file, and name its columns by header line or measurement type."""

from __future__ import annotations

from ingest.measurement_types import find_columns, refuses_repeated_times
from ingest.parsing.column_names import explain_bad_columns, name_columns
from ingest.parsing.measurement_file import read_measurement_file
from ingest.parsing.measurement_file_errors import LineError
from ingest.parsing.measurement_file_lines import MAX_LISTED_ERRORS, UnreadableContent
from ingest.parsing.names import explain_bad_name, is_measurement_name
from ingest.parsing.repeated_times import explain_repeated_times
from ingest.parsing.samples import FileLimits, FileSamples, TimeWindow


def read_file(
    name: str, content: bytes, window: TimeWindow, limits: FileLimits
) -> tuple[FileSamples | None, tuple[str, ...] | None, list[LineError]]:
    """Return samples and column names (None for a single one), or None, None and the errors.

    Raises ``TooManyLines`` and ``TooManyValues``.
    """
    errors = [] if is_measurement_name(name) else [explain_bad_name(name)]
    try:
        file = read_measurement_file(content, window, limits)
    except UnreadableContent as unreadable:
        return None, None, (errors + unreadable.errors)[:MAX_LISTED_ERRORS]
    columns = None
    if len(file.columns) > 1:
        names_of_type = [] if file.header or errors else find_columns(name)
        columns = name_columns(file.header, len(file.columns), names_of_type)
        errors += explain_bad_columns(name, columns or ())
    if not errors and any(column.repeated for column in file.columns):
        errors += _refuse_repeated_times(name, content)
    return (None, None, errors[:MAX_LISTED_ERRORS]) if errors else (file, columns, [])


def _refuse_repeated_times(name: str, content: bytes) -> list[LineError]:
    """Return the errors of a file with repeated times, none where its type accepts them."""
    if not refuses_repeated_times(name):
        return []
    return explain_repeated_times(content, MAX_LISTED_ERRORS)
