"""FHIR Observations (R4B, R5) of samples, as plain dictionaries. Pure.

Evenly spaced samples become one Observation with SampledData. For uneven spacing, R5 carries an
offset for each sample. R4B has no such field, so a sample outside an even run becomes an
Observation of its own.

The columns of a measurement are components where each has a code, such as systolic and diastolic
pressure: an Observation for each time. Otherwise they are the dimensions of SampledData, such as
the three axes of an acceleration.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from analysis.queries.statistics import SampleColumns, SampleTable, Times, Values
from ingest.parsing.samples import US_PER_MS
from ingest.time_range import format_microseconds

VERSIONS = ("r4b", "r5")
CONTENT_TYPE = "application/fhir+json"
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
# Heart rate; blood pressure and its parts.
_VITAL_SIGNS = frozenset({"8867-4", "85354-9", "8480-6", "8462-4"})
_ABSENT_REASONS = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 4122: URLs


_DAY_US = 86_400_000_000
_Part = TypeVar("_Part", SampleColumns, SampleTable)


@dataclass(frozen=True)
class CodedSeries:
    """A series with the LOINC code, its display name and the UCUM unit of its values."""

    identity: str
    name: str
    loinc: str
    label: str
    unit: str


@dataclass(frozen=True)
class CodedColumn:
    """A column of a measurement; ``loinc`` is empty if it has no code of its own."""

    name: str
    loinc: str
    label: str
    unit: str

    def describe(self) -> dict[str, Any]:
        """Return the CodeableConcept of the column."""
        if not self.loinc:
            return {"text": self.name}
        coding = {"system": LOINC, "code": self.loinc, "display": self.label}
        return {"coding": [coding], "text": self.name}


@dataclass(frozen=True)
class CodedColumns:
    """A measurement of several columns; without codes of their own all have the same unit."""

    identity: str
    name: str
    loinc: str
    label: str
    columns: tuple[CodedColumn, ...]

    @property
    def unit(self) -> str:
        return self.columns[0].unit

    @property
    def has_codes(self) -> bool:
        return all(column.loinc for column in self.columns)


def make_column_observations(
    parts: Iterable[SampleTable], coded: CodedColumns, version: str
) -> Iterator[dict[str, Any]]:
    """Yield the Observations of several columns; ``version`` is one of ``VERSIONS``."""
    for part in parts:
        if coded.has_codes:
            for row in range(len(part)):
                yield _make_component_observation(part, row, coded)
        elif version == "r5":
            yield _make_sampled_observation(part, coded, version)
        else:
            for start, end in _find_even_runs(part):
                if end - start > 1:
                    yield _make_sampled_observation(part.cut(start, end), coded, version)
                else:
                    yield _make_component_observation(part, start, coded)


def make_observations(
    parts: Iterable[SampleColumns], series: CodedSeries, version: str
) -> Iterator[dict[str, Any]]:
    """Yield the Observations of ``parts``; ``version`` is one of ``VERSIONS``."""
    for part in parts:
        if version == "r5":
            yield _make_sampled_observation(part, series, version)
            continue
        for start, end in _find_even_runs(part):
            run = part.cut(start, end)
            yield (
                _make_sampled_observation(run, series, version)
                if len(run) > 1
                else _make_single_observation(run, series)
            )


def split_days(parts: Iterable[_Part]) -> Iterator[_Part]:
    """Yield ``parts`` divided at the midnights of UTC."""
    for part in parts:
        for start, end in _divide_at_midnights(part.time_us):
            yield part.cut(start, end)


def _divide_at_midnights(times_us: Times) -> Iterator[tuple[int, int]]:
    midnights = np.flatnonzero(np.diff(times_us // _DAY_US)) + 1
    yield from pairwise([0, *midnights.tolist(), len(times_us)] if len(times_us) else [])


def make_id(identity: str, name: str, start_us: int) -> str:
    """Return a UUID that is the same for the same samples in every export."""
    start_ms = str(start_us // US_PER_MS)
    if start_us % US_PER_MS:
        start_ms += f".{start_us % US_PER_MS:03d}"
    return str(uuid.uuid5(_NAMESPACE, f"urn:device-endpoint:{identity}/{name}/{start_ms}"))


def _find_even_runs(part: SampleColumns | SampleTable) -> Iterator[tuple[int, int]]:
    """Yield start and end of each run of rows with the usual step."""
    steps = np.diff(part.time_us)
    period = np.median(steps) if len(steps) else 0
    bounds = [0, *(np.flatnonzero(steps != period) + 1).tolist(), len(part)]
    yield from pairwise(bounds)


def _make_observation(start_us: int, series: CodedSeries | CodedColumns) -> dict[str, Any]:
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "id": make_id(series.identity, series.name, start_us),
        "status": "final",
        "code": {
            "coding": [{"system": LOINC, "code": series.loinc, "display": series.label}],
            "text": series.name,
        },
        "subject": {
            "identifier": {"system": "urn:device-endpoint:identity", "value": series.identity}
        },
    }
    if series.loinc in _VITAL_SIGNS:
        vital = {"system": _CATEGORIES, "code": "vital-signs", "display": "Vital Signs"}
        observation["category"] = [{"coding": [vital]}]
    return observation


def _make_single_observation(part: SampleColumns, series: CodedSeries) -> dict[str, Any]:
    start_us = int(part.time_us[0])
    return _make_observation(start_us, series) | {
        "effectiveDateTime": format_microseconds(start_us),
        "valueQuantity": _make_quantity(float(part.value[0]), series.unit),
    }


def _make_component_observation(part: SampleTable, row: int, coded: CodedColumns) -> dict[str, Any]:
    """Return the values of one time, a component for each column; absent ones say so."""
    components: list[dict[str, Any]] = []
    for column, values in zip(coded.columns, part.columns, strict=True):
        value = float(values[row])
        if np.isnan(value):
            reason = {"system": _ABSENT_REASONS, "code": "unknown", "display": "Unknown"}
            held: dict[str, Any] = {"dataAbsentReason": {"coding": [reason]}}
        else:
            held = {"valueQuantity": _make_quantity(value, column.unit)}
        components.append({"code": column.describe(), **held})
    start_us = int(part.time_us[row])
    return _make_observation(start_us, coded) | {
        "effectiveDateTime": format_microseconds(start_us),
        "component": components,
    }


def _make_sampled_observation(
    part: SampleColumns | SampleTable, series: CodedSeries | CodedColumns, version: str
) -> dict[str, Any]:
    times = part.time_us
    steps = np.diff(part.time_us)
    data: dict[str, Any] = {
        "origin": _make_quantity(0, series.unit),
        "dimensions": len(part.columns),
    }
    if version == "r4b":
        data["period"] = _in_milliseconds(steps[0])
    elif len(steps) and (steps == steps[0]).all():
        data |= {"interval": _in_milliseconds(steps[0]), "intervalUnit": "ms"}
    else:
        offsets = " ".join(str(_in_milliseconds(us)) for us in part.time_us - part.time_us[0])
        data |= {"intervalUnit": "ms", "offsets": offsets}
    data["data"] = _write_points(part.columns)
    return _make_observation(int(times[0]), series) | {
        "effectivePeriod": {
            "start": format_microseconds(int(times[0])),
            "end": format_microseconds(int(times[-1])),
        },
        "valueSampledData": data,
    }


def _write_points(columns: Sequence[Values]) -> str:
    """Return the values of each time, dimension by dimension; ``E`` stands for a missing one."""
    return " ".join(
        "E" if np.isnan(value) else np.format_float_positional(value, trim="-")
        for value in np.column_stack(columns).ravel()
    )


def _in_milliseconds(microseconds: np.int64) -> int | float:
    whole, fraction = divmod(int(microseconds), US_PER_MS)
    return whole + fraction / US_PER_MS if fraction else whole


def _make_quantity(value: float, unit: str) -> dict[str, Any]:
    whole = int(value) if value == int(value) else value
    return {"value": whole, "unit": unit, "system": UCUM, "code": unit}
