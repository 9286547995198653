"""Read a measurement file, and name its columns by header line or measurement type."""

from __future__ import annotations

from ingest.measurement_types import find_columns
from ingest.parsing.column_names import explain_bad_columns, name_columns
from ingest.parsing.names import explain_bad_name, is_measurement_name
from ingest.parsing.sample_file import read_sample_file
from ingest.parsing.sample_file_errors import LineError
from ingest.parsing.sample_file_lines import MAX_LISTED_ERRORS, UnreadableContent
from ingest.parsing.samples import FileLimits, SampleFile, TimeWindow


def read_file(
    name: str, content: bytes, window: TimeWindow, limits: FileLimits
) -> tuple[SampleFile | None, tuple[str, ...] | None, list[LineError]]:
    """Return samples and column names (None for a single one), or None, None and the errors.

    Raises ``TooManyLines`` and ``TooManyValues``.
    """
    errors = [] if is_measurement_name(name) else [explain_bad_name(name)]
    try:
        file = read_sample_file(content, window, limits)
    except UnreadableContent as unreadable:
        return None, None, (errors + unreadable.errors)[:MAX_LISTED_ERRORS]
    columns = None
    if len(file.columns) > 1:
        names_of_type = [] if file.header or errors else find_columns(name)
        columns = name_columns(file.header, len(file.columns), names_of_type)
        errors += explain_bad_columns(name, columns or ())
    return (None, None, errors[:MAX_LISTED_ERRORS]) if errors else (file, columns, [])
