"""The provenance and data dictionary of an export. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from analysis.exports.formats import SCHEMA
from analysis.queries.series import Series
from analysis.queries.side_by_side import ColumnSet
from ingest.measurement_types import Kind
from ingest.time_range import TimeRange, format_microseconds


def describe_export(
    found: Series | ColumnSet,
    kinds: dict[str, Kind],
    wanted: TimeRange,
    exported_at: datetime,
    source: str,
) -> dict[str, Any]:
    """Return provenance and data dictionary of the samples of ``found`` in ``wanted``.

    ``kinds`` holds the meaning of ``names_of(found)``; ``source`` names the installation. The
    result can be serialized as JSON.
    """
    start, end = wanted.within_us(found.first_ms, found.last_ms)
    kind = kinds[found.name]
    if isinstance(found, Series):
        values = [_describe_values("value", kind)]
    else:
        values = [
            _describe_values(column, kinds[series.name]) | {"series": series.name}
            for column, series in zip(found.columns, found.series, strict=True)
        ]
    return {
        "source": source,
        "identity": found.identity,
        "series": found.name,
        "from": format_microseconds(start),
        "to": format_microseconds(end),
        "range": "from <= time < to",
        "exported_at": exported_at.astimezone(UTC).isoformat(timespec="seconds"),
        "measurement": kind.describe(),
        "columns": [_describe_times(), *values],
    }


def names_of(found: Series | ColumnSet) -> list[str]:
    """Return the names that an export has a meaning for: its own and those of its columns."""
    if isinstance(found, Series):
        return [found.name]
    return [found.name, *(series.name for series in found.series)]


def _describe_times() -> dict[str, Any]:
    return {
        "name": "time_ms",
        "type": str(SCHEMA.field("time_ms").type),
        "unit": "ms",
        "description": "Time of the sample by the device's clock: milliseconds since "
        "1970-01-01T00:00:00Z, without leap seconds; ascending and unique.",
    }


def _describe_values(name: str, kind: Kind) -> dict[str, Any]:
    meaning = kind.label + (f" in {kind.unit} (UCUM)" if kind.unit else ", unit unknown")
    return {
        "name": name,
        "type": str(SCHEMA.field("value").type),
        "unit": kind.unit,
        "description": f"{meaning}, exactly as the device sent it. Nothing is "
        "interpolated, smoothed or removed; implausible values are included.",
    }
