"""Samples as FHIR Observations, in R4B and R5: plain dictionaries. Pure.

Samples at even steps become one Observation with SampledData. Where steps are uneven, R5 gives
each sample its offset; R4B has no such field, so a sample that stands alone is an Observation
of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from analysis.queries.sample_columns import SampleColumns
from ingest.time_range import format_instant

VERSIONS = ("r4b", "r5")
CONTENT_TYPE = "application/fhir+json"
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
HEART_RATE = "8867-4"
_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 4122: addresses


@dataclass(frozen=True)
class Coded:
    """What the values are: a LOINC code with its name, a UCUM unit; and whose they are."""

    identity: str
    name: str
    loinc: str
    label: str
    unit: str


def make_observations(
    parts: Iterable[SampleColumns], coded: Coded, version: str
) -> Iterator[dict[str, Any]]:
    """Yield the Observations of ``parts``; ``version`` is one of ``VERSIONS``."""
    for part in parts:
        if version == "r5":
            yield _sampled(part, coded, version)
            continue
        for run in _even_runs(part):
            yield _sampled(run, coded, version) if len(run) > 1 else _single(run, coded)


def make_id(identity: str, name: str, start_ms: int) -> str:
    """Return the UUID that the same samples have in every export."""
    return str(uuid.uuid5(_NAMESPACE, f"urn:device-endpoint:{identity}/{name}/{start_ms}"))


def _even_runs(part: SampleColumns) -> Iterator[SampleColumns]:
    steps = np.diff(part.time_ms)
    period = np.median(steps) if len(steps) else 0
    bounds = [0, *(np.flatnonzero(steps != period) + 1).tolist(), len(part)]
    for start, end in pairwise(bounds):
        yield SampleColumns(part.time_ms[start:end], part.value[start:end])


def _base(part: SampleColumns, coded: Coded) -> dict[str, Any]:
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "id": make_id(coded.identity, coded.name, int(part.time_ms[0])),
        "status": "final",
        "code": {
            "coding": [{"system": LOINC, "code": coded.loinc, "display": coded.label}],
            "text": coded.name,
        },
        "subject": {
            "identifier": {"system": "urn:device-endpoint:identity", "value": coded.identity}
        },
    }
    if coded.loinc == HEART_RATE:
        vital = {"system": _CATEGORIES, "code": "vital-signs", "display": "Vital Signs"}
        observation["category"] = [{"coding": [vital]}]
    return observation


def _single(part: SampleColumns, coded: Coded) -> dict[str, Any]:
    return _base(part, coded) | {
        "effectiveDateTime": format_instant(int(part.time_ms[0])),
        "valueQuantity": _quantity(float(part.value[0]), coded),
    }


def _sampled(part: SampleColumns, coded: Coded, version: str) -> dict[str, Any]:
    times = part.time_ms
    steps = np.diff(times)
    data: dict[str, Any] = {"origin": _quantity(0, coded), "dimensions": 1}
    if version == "r4b":
        data["period"] = int(steps[0])
    elif len(steps) and (steps == steps[0]).all():
        data |= {"interval": int(steps[0]), "intervalUnit": "ms"}
    else:
        offsets = " ".join(map(str, (times - times[0]).tolist()))
        data |= {"intervalUnit": "ms", "offsets": offsets}
    data["data"] = " ".join(np.format_float_positional(value, trim="-") for value in part.value)
    return _base(part, coded) | {
        "effectivePeriod": {
            "start": format_instant(int(times[0])),
            "end": format_instant(int(times[-1])),
        },
        "valueSampledData": data,
    }


def _quantity(value: float, coded: Coded) -> dict[str, Any]:
    whole = int(value) if value == int(value) else value
    return {"value": whole, "unit": coded.unit, "system": UCUM, "code": coded.unit}
