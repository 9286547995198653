"""Columns of a measurement as FHIR: components with codes, or dimensions of SampledData."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.bundle import Bundle as BundleR5
from fhir.resources.R4B.bundle import Bundle as BundleR4B

from identities.models import Identity
from ingest.models import MeasurementType
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_series

START = 1_700_006_400_000  # 2023-11-15T00:00Z
MODELS: dict[str, Any] = {"r4b": BundleR4B, "r5": BundleR5}


@pytest.fixture
def pressure(ward: Identity) -> Identity:
    MeasurementType.objects.create(
        pattern="bp", label="Blood pressure", unit="mm[Hg]", loinc="85354-9",
        columns="sys, dia", column_loincs="8480-6, 8462-4",
    )  # fmt: skip
    make_series(ward, "bp.sys", {START: 121.0, START + 60_000: 118.5})
    make_series(ward, "bp.dia", {START: 79.0})
    return ward


@pytest.fixture
def acceleration(ward: Identity) -> Identity:
    MeasurementType.objects.create(
        pattern="acc", label="Acceleration", unit="g", loinc="80493-0", columns="x, y, z"
    )
    for axis, offset in (("x", 0.0), ("y", 0.25), ("z", -1.0)):
        steps = (0, 1, 2, 3) if axis != "y" else (0, 1, 3)
        make_series(ward, f"acc.{axis}", {START + 40 * step: offset + step for step in steps})
    make_series(ward, "acc.x", {START + 9_000: 7.0})
    return ward


def read(get: Get, name: str, version: str) -> list[dict[str, Any]]:
    answer = get(f"series/Ward3-07/{name}/fhir", version=version)
    assert answer.status_code == 200, answer.content
    text = b"".join(answer.streaming_content)
    MODELS[version].model_validate_json(text)
    return [entry["resource"] for entry in json.loads(text)["entry"]]


@pytest.mark.parametrize("version", list(MODELS))
def test_coded_columns_are_components(get: Get, pressure: Identity, version: str) -> None:
    first, second = read(get, "bp", version)
    assert first["code"]["coding"][0]["code"] == "85354-9"
    assert first["category"][0]["coding"][0]["code"] == "vital-signs"
    assert first["effectiveDateTime"] == "2023-11-15T00:00:00.000Z"
    found = [
        (each["code"]["coding"][0]["code"], each["valueQuantity"]["value"])
        for each in first["component"]
    ]
    assert found == [("8480-6", 121), ("8462-4", 79)]
    assert "valueSampledData" not in first
    missing = second["component"][1]
    assert missing["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert "valueQuantity" not in missing


@pytest.mark.parametrize("version", list(MODELS))
def test_axes_are_dimensions_of_sampled_data(
    get: Get, acceleration: Identity, version: str
) -> None:
    observations = read(get, "acc", version)
    data = observations[0]["valueSampledData"]
    assert data["dimensions"] == 3
    assert data["origin"]["code"] == "g"
    points = "0 0.25 -1 1 1.25 0 2 E 1 3 3.25 2"
    if version == "r5":
        assert data["data"] == f"{points} 7 E E"
        assert data["offsets"] == "0 40 80 120 9000"
    else:
        assert (data["data"], data["period"]) == (points, 40)
        last = observations[-1]
        assert [each["code"] for each in last["component"]] == [
            {"text": "x"}, {"text": "y"}, {"text": "z"},
        ]  # fmt: skip
        assert last["component"][0]["valueQuantity"]["value"] == 7


def test_a_column_alone_has_its_own_code(get: Get, pressure: Identity) -> None:
    (only,) = read(get, "bp.sys", "r4b")
    coding = only["code"]["coding"][0]
    assert (coding["code"], coding["display"]) == ("8480-6", "Blood pressure sys")
    assert only["valueSampledData"]["dimensions"] == 1


@pytest.mark.parametrize(
    "change", [{"loinc": ""}, {"unit": ""}, {"column_units": "g, g, m/s2"}], ids=str
)
def test_columns_without_codes_are_refused(
    get: Get, acceleration: Identity, change: dict[str, str]
) -> None:
    MeasurementType.objects.filter(pattern="acc").update(**change)
    answer = get("series/Ward3-07/acc/fhir")
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:device-endpoint:measurement_without_code"


def test_each_column_may_have_its_own_unit_and_code(get: Get, acceleration: Identity) -> None:
    MeasurementType.objects.filter(pattern="acc").update(
        column_units="g, g, m/s2", column_loincs="1-8, 2-6, 3-4"
    )
    first = read(get, "acc", "r4b")[0]
    assert [each["valueQuantity"]["unit"] for each in first["component"]] == ["g", "g", "m/s2"]


def test_times_between_milliseconds_stay_distinct(get: Get, ward: Identity) -> None:
    MeasurementType.objects.create(pattern="fast", label="x", unit="g", loinc="80493-0")
    make_series(ward, "fast", {START: 1.0, START + 60: 2.0})
    block = ward.blocks.get()
    assert block.encoding in (1, 2)
    ward.blocks.update(encoding=3, offsets=[-1_800_000_000 + 250, -1_800_000_000 + 750])
    observations = read(get, "fast", "r5")
    assert observations[0]["effectivePeriod"] == {
        "start": "2023-11-15T00:00:00.000250Z", "end": "2023-11-15T00:00:00.000750Z",
    }  # fmt: skip
