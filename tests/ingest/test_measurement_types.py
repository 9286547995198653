"""What a measurement's name means."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from ingest.measurement_types import find_kind
from ingest.models import MeasurementType


@pytest.mark.parametrize("name", ["hr", "hr_measurement", "hr.left"])
def test_heart_rate_types_exist_initially(db: None, name: str) -> None:
    kind = find_kind(name)
    assert (kind.label, kind.unit, kind.loinc) == ("Heart rate", "/min", "8867-4")
    assert kind.readable_unit == "bpm"


def test_the_most_specific_pattern_applies(db: None) -> None:
    for pattern in ("t*", "temp*", "temp"):
        MeasurementType.objects.create(pattern=pattern, label=pattern)
    assert [find_kind(name).label for name in ("t1", "temperature", "temp", "Temp")] == [
        "t*",
        "temp*",
        "temp",
        "Temp",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"pattern": "*"},
        {"pattern": "a*b"},
        {"pattern": "a", "loinc": "8867"},
        {"pattern": "a", "plausible_low": 2, "plausible_high": 1},
        {"pattern": "a", "expected_interval_s": 0},
    ],
)
def test_invalid_types_are_rejected(db: None, fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MeasurementType(label="x", **fields).full_clean()
