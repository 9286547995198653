"""The provenance and data dictionary of an export. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from analysis.exports.formats import SCHEMA
from analysis.queries.series import Series
from ingest.measurement_types import Kind
from ingest.time_range import TimeRange, format_instant


def describe_export(
    series: Series, kind: Kind, wanted: TimeRange, exported_at: datetime, source: str
) -> dict[str, Any]:
    """Return provenance and data dictionary of the samples of ``series`` in ``wanted``.

    ``source`` names the installation. The result can be serialized as JSON.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    meaning = kind.label + (f" in {kind.unit} (UCUM)" if kind.unit else ", unit unknown")
    return {
        "source": source,
        "identity": series.identity,
        "series": series.name,
        "from": format_instant(start),
        "to": format_instant(end),
        "range": "from <= time < to",
        "exported_at": exported_at.astimezone(UTC).isoformat(timespec="seconds"),
        "measurement": kind.describe(),
        "columns": [
            {
                "name": "time_ms",
                "type": str(SCHEMA.field("time_ms").type),
                "unit": "ms",
                "description": "Time of the sample by the device's clock: milliseconds since "
                "1970-01-01T00:00:00Z, without leap seconds; ascending and unique.",
            },
            {
                "name": "value",
                "type": str(SCHEMA.field("value").type),
                "unit": kind.unit,
                "description": f"{meaning}, exactly as the device sent it. Nothing is "
                "interpolated, smoothed or removed; implausible values are included.",
            },
        ],
    }
