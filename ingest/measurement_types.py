"""Resolve a measurement's name to label, unit and codes by the types that admins edit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.models import MeasurementType

HEART_RATE = "8867-4"
_READABLE_UNITS = {"/min": "per minute", "Cel": "°C", "mm[Hg]": "mmHg", "1": ""}


@dataclass(frozen=True)
class Kind:
    """The meaning of a name. A name without a matching type is its own label, without a unit."""

    label: str
    unit: str = ""
    loinc: str = ""
    plausible_low: float | None = None
    plausible_high: float | None = None
    expected_interval_ms: float | None = None

    @property
    def readable_unit(self) -> str:
        """Return the unit in common notation: ``/min`` of a heart rate is bpm."""
        if self.loinc == HEART_RATE and self.unit == "/min":
            return "bpm"
        return _READABLE_UNITS.get(self.unit, self.unit)

    @property
    def plausible(self) -> str:
        """Return the plausible range as text without the unit; empty if unknown."""
        low, high = self.plausible_low, self.plausible_high
        if low is not None and high is not None:
            return f"{low:,.12g} to {high:,.12g}"
        if high is not None:
            return f"up to {high:,.12g}"
        return "" if low is None else f"from {low:,.12g} up"

    def describe(self) -> dict[str, object]:
        """Return the members that the analysis API and exports show."""
        return {
            "label": self.label,
            "unit": self.unit,
            "unit_text": self.readable_unit,
            "loinc": self.loinc,
            "plausible_low": self.plausible_low,
            "plausible_high": self.plausible_high,
            "expected_interval_ms": self.expected_interval_ms,
        }


def find_kind(name: str) -> Kind:
    """Return the meaning of ``name`` with one statement."""
    return find_kinds([name])[name]


def find_kinds(names: Iterable[str]) -> dict[str, Kind]:
    """Return the meaning of each of ``names`` with one statement."""
    return {name: _kind(name, found) for name, found in find_types(names).items()}


def find_columns(name: str) -> list[str]:
    """Return the column names of the measurement type of ``name``, none without a type."""
    found = find_types([name])[name]
    return [] if found is None else found.column_names()


def refuses_repeated_times(name: str) -> bool:
    """Return whether the measurement type of ``name`` refuses files with repeated times."""
    found = find_types([name])[name]
    return found is not None and found.refuse_repeated_times


def find_types(names: Iterable[str]) -> dict[str, MeasurementType | None]:
    """Return the matching type of each of ``names``, None without one, with one statement."""
    types = sorted(MeasurementType.objects.all(), key=_rank)
    return {name: next((kind for kind in types if _matches(kind, name)), None) for name in names}


def find_monitored_types(names: Iterable[str]) -> dict[str, MeasurementType]:
    """Return the type of each of ``names`` that gives it a reporting interval, where one does.

    A more exact type without an interval does not shadow a wider one: ``hr*`` monitors
    ``hr_measurement``, which has a type of its own.
    """
    types = sorted(MeasurementType.objects.exclude(reporting_interval=None), key=_rank)
    found = {name: next((kind for kind in types if _matches(kind, name)), None) for name in names}
    return {name: kind for name, kind in found.items() if kind is not None}


def _rank(kind: MeasurementType) -> tuple[bool, int]:
    return kind.pattern.endswith("*"), -len(kind.pattern)


def _matches(kind: MeasurementType, name: str) -> bool:
    prefix = kind.pattern.removesuffix("*")
    if name == kind.pattern or (prefix != kind.pattern and name.startswith(prefix)):
        return True
    measurement, _, column = name.rpartition(".")
    return measurement == kind.pattern and column in kind.column_names()


def _kind(name: str, found: MeasurementType | None) -> Kind:
    if found is None:
        return Kind(label=name)
    interval = found.expected_interval_s
    column = name.rpartition(".")[2] if "." in name else ""
    units = found.units_by_column()
    codes = found.loincs_by_column()
    return Kind(
        label=f"{found.label} {column}" if column in units else found.label,
        unit=units.get(column, found.unit),
        loinc=codes.get(column, found.loinc),
        plausible_low=found.plausible_low,
        plausible_high=found.plausible_high,
        expected_interval_ms=None if interval is None else interval * 1000,
    )
