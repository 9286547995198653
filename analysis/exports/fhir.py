"""FHIR Observations (R4B, R5) of samples, as plain dictionaries. Pure.

Evenly spaced samples become one Observation with SampledData. For uneven spacing, R5 carries an
offset for each sample. R4B has no such field, so a sample outside an even run becomes an
Observation of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from analysis.queries.statistics import SampleColumns
from ingest.parsing.samples import US_PER_MS
from ingest.time_range import format_instant

VERSIONS = ("r4b", "r5")
CONTENT_TYPE = "application/fhir+json"
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
HEART_RATE = "8867-4"
_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 4122: URLs


@dataclass(frozen=True)
class CodedSeries:
    """A series with the LOINC code, its display name and the UCUM unit of its values."""

    identity: str
    name: str
    loinc: str
    label: str
    unit: str


def make_observations(
    parts: Iterable[SampleColumns], series: CodedSeries, version: str
) -> Iterator[dict[str, Any]]:
    """Yield the Observations of ``parts``; ``version`` is one of ``VERSIONS``."""
    for part in parts:
        if version == "r5":
            yield _make_sampled_observation(part, series, version)
            continue
        for run in _split_into_even_runs(part):
            yield (
                _make_sampled_observation(run, series, version)
                if len(run) > 1
                else _make_single_observation(run, series)
            )


def make_id(identity: str, name: str, start_ms: int) -> str:
    """Return a UUID that is the same for the same samples in every export."""
    return str(uuid.uuid5(_NAMESPACE, f"urn:device-endpoint:{identity}/{name}/{start_ms}"))


def _split_into_even_runs(part: SampleColumns) -> Iterator[SampleColumns]:
    steps = np.diff(part.time_us)
    period = np.median(steps) if len(steps) else 0
    bounds = [0, *(np.flatnonzero(steps != period) + 1).tolist(), len(part)]
    for start, end in pairwise(bounds):
        yield SampleColumns(part.time_us[start:end], part.value[start:end])


def _make_observation(part: SampleColumns, series: CodedSeries) -> dict[str, Any]:
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "id": make_id(series.identity, series.name, int(part.time_ms[0])),
        "status": "final",
        "code": {
            "coding": [{"system": LOINC, "code": series.loinc, "display": series.label}],
            "text": series.name,
        },
        "subject": {
            "identifier": {"system": "urn:device-endpoint:identity", "value": series.identity}
        },
    }
    if series.loinc == HEART_RATE:
        vital = {"system": _CATEGORIES, "code": "vital-signs", "display": "Vital Signs"}
        observation["category"] = [{"coding": [vital]}]
    return observation


def _make_single_observation(part: SampleColumns, series: CodedSeries) -> dict[str, Any]:
    return _make_observation(part, series) | {
        "effectiveDateTime": format_instant(int(part.time_ms[0])),
        "valueQuantity": _make_quantity(float(part.value[0]), series),
    }


def _make_sampled_observation(
    part: SampleColumns, series: CodedSeries, version: str
) -> dict[str, Any]:
    times = part.time_ms
    steps = np.diff(part.time_us)
    data: dict[str, Any] = {"origin": _make_quantity(0, series), "dimensions": 1}
    if version == "r4b":
        data["period"] = _in_milliseconds(steps[0])
    elif len(steps) and (steps == steps[0]).all():
        data |= {"interval": _in_milliseconds(steps[0]), "intervalUnit": "ms"}
    else:
        offsets = " ".join(str(_in_milliseconds(us)) for us in part.time_us - part.time_us[0])
        data |= {"intervalUnit": "ms", "offsets": offsets}
    data["data"] = " ".join(np.format_float_positional(value, trim="-") for value in part.value)
    return _make_observation(part, series) | {
        "effectivePeriod": {
            "start": format_instant(int(times[0])),
            "end": format_instant(int(times[-1])),
        },
        "valueSampledData": data,
    }


def _in_milliseconds(microseconds: np.int64) -> int | float:
    whole, fraction = divmod(int(microseconds), US_PER_MS)
    return whole + fraction / US_PER_MS if fraction else whole


def _make_quantity(value: float, series: CodedSeries) -> dict[str, Any]:
    whole = int(value) if value == int(value) else value
    return {"value": whole, "unit": series.unit, "system": UCUM, "code": series.unit}
