"""Heart rates as Open mHealth data points (schema omh:heart-rate:2.0). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from analysis.exports.fhir import make_id
from analysis.queries.statistics import SampleColumns
from ingest.time_range import format_microseconds


def encode_heart_rates(parts: Iterable[SampleColumns], identity: str, name: str) -> Iterator[bytes]:
    """Yield a JSON array of data points, one for each sample, each on its own line."""
    separator = "[\n"
    for part in parts:
        lines = []
        for time_us, value in zip(part.time_us.tolist(), part.value.tolist(), strict=True):
            lines.append(separator + json.dumps(_make_data_point(identity, name, time_us, value)))
            separator = ",\n"
        yield "".join(lines).encode()
    yield b"[]\n" if separator == "[\n" else b"\n]\n"


def _make_data_point(identity: str, name: str, time_us: int, value: float) -> dict[str, object]:
    timestamp = format_microseconds(time_us)
    return {
        "header": {
            "uuid": make_id(identity, name, time_us),
            "schema_id": {"namespace": "omh", "name": "heart-rate", "version": "2.0"},
            "source_creation_date_time": timestamp,
            "modality": "sensed",
            "external_datasheets": [
                {
                    "datasheet_type": "data_source",
                    "datasheet_reference": f"urn:device-endpoint:{identity}/{name}",
                }
            ],
        },
        "body": {
            "heart_rate": {
                "value": int(value) if value.is_integer() else value,
                "unit": "beats/min",
            },
            "effective_time_frame": {"date_time": timestamp},
        },
    }
