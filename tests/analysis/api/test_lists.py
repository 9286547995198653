"""The analysis API's index, documentation and lists of identities and measurement files."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from identities.models import Identity
from ingest.models import Measurement
from ingest.uuid7 import uuid7_floor
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series

START = 1_700_000_000_000
MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def walk(get: Get, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the rows of all pages."""
    page = get(path, **parameters).json()
    rows: list[dict[str, Any]] = page["results"]
    while page["next"]:
        page = get(page["next"].partition("/api/v1/")[2]).json()
        rows += page["results"]
    return rows


def names(get: Get, **parameters: Any) -> list[str]:
    return [row["identity"] for row in walk(get, "identities", **parameters)]


@pytest.fixture
def files(ward: Identity) -> list[Measurement]:
    """Five files of two identities, received an hour apart, each of a minute of its own."""
    other = Identity.objects.create(name="other")
    certificates = make_certificate(ward), make_certificate(other, "another device")
    stored = []
    for number in range(5):
        received = MOMENT + timedelta(hours=number)
        measurement = make_measurement(
            certificates[number % 2],
            b"%d" % number,
            "temp" if number == 4 else "hr",
            id=uuid7_floor(received),
            received_at=received,
            first_ms=START + number * 60_000,
            last_ms=START + number * 60_000 + 59_999,
            status="rejected" if number == 3 else "stored",
        )
        if measurement.status == "stored":
            make_series(measurement.identity, measurement.name, {START + number * 60_000: 1})
        stored.append(measurement)
    return stored


def places(get: Get, files: list[Measurement], **parameters: Any) -> list[int]:
    """Return which of ``files`` are listed, by their places."""
    ids = [str(measurement.pk) for measurement in files]
    return [ids.index(row["id"]) for row in walk(get, "measurements", **parameters)]


def test_the_index_links_to_lists_and_documentation() -> None:
    answer = Client().get("/api/v1/")
    assert answer.status_code == 200
    for name in ("identities", "series", "measurements", "schema", "docs"):
        assert answer.json()[name].endswith(f"/api/v1/{name}")


def test_the_documentation_loads_nothing_from_elsewhere() -> None:
    page = Client().get("/api/v1/docs").content.decode()
    assert "Version 1." in page
    assert "<code>detail</code>" in page
    assert "`" not in page
    for path in Client().get("/api/v1/schema").json()["paths"]:
        assert f"GET {path}</code></h2>" in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script" not in page
    assert "style=" not in page
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_identities_have_their_last_sample(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 70, START + 1000: 71})
    (row,) = get("identities").json()["results"]
    assert row.pop("created_at").startswith(f"{ward.created_at:%Y-%m-%d}")
    assert row == {
        "identity_id": ward.pk,
        "identity": "Ward3-07",
        "description": "",
        "is_active": True,
        "last_ms": START + 1000,
    }


def test_identities_are_paged_by_name(get: Get, db: None) -> None:
    for name in ("b2", "A1", "c3", "B10"):
        Identity.objects.create(name=name)
    assert names(get) == ["A1", "B10", "b2", "c3"]
    assert names(get, limit=1) == names(get, limit=3) == names(get)


def test_identities_are_found_by_part_of_name_or_description(get: Get, ward: Identity) -> None:
    Identity.objects.create(name="bed", description="Ward 4, 100% cotton")
    assert names(get, q="D3-0") == ["Ward3-07"]
    assert names(get, q="ward 4") == ["bed"]
    assert names(get, q="ward", limit=1) == ["bed", "Ward3-07"]
    assert names(get, q="0% c") == ["bed"]
    assert names(get, q="_") == names(get, q="%_") == names(get, q="\\") == []


def test_files_are_listed_by_reception(get: Get, files: list[Measurement]) -> None:
    assert places(get, files) == [0, 1, 2, 3, 4]
    assert places(get, files, limit=2) == [0, 1, 2, 3, 4]
    row = get("measurements", limit=1).json()["results"][0]
    assert row == get(f"measurements/{files[0].pk}").json()


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"identity": "WARD3-07"}, [0, 2, 4]),
        ({"identity": "nobody"}, []),
        ({"name": "temp"}, [4]),
        ({"name": "hr", "identity": "other"}, [1, 3]),
        ({"status": "rejected"}, [3]),
        ({"status": "withdrawn"}, []),
        ({"from_": START + 120_000}, [2, 3, 4]),
        ({"to": START + 60_000}, [0]),
        ({"from_": START + 60_000, "to": START + 60_001}, [1]),
        ({"received_from": "2026-03-01T14:00Z"}, [2, 3, 4]),
        ({"received_to": "2026-03-01T14:00Z"}, [0, 1]),
        ({"received_from": "2026-03-01T13:00Z", "received_to": "2026-03-01T15:00Z"}, [1, 2]),
        ({"received_to": "9" * 14}, [0, 1, 2, 3, 4]),
        ({"received_to": 0}, []),
    ],
)
def test_files_are_filtered(
    get: Get, files: list[Measurement], parameters: dict[str, Any], expected: list[int]
) -> None:
    assert places(get, files, **parameters) == expected
    assert places(get, files, limit=1, **parameters) == expected


def test_series_are_filtered_by_name(get: Get, ward: Identity) -> None:
    for name in ("hr", "hr.x", "temp"):
        make_series(ward, name, {START: 1})
        make_series(Identity.objects.get_or_create(name="other")[0], name, {START: 1})
    found = walk(get, "series", name="hr", limit=1)
    assert [(row["identity"], row["name"]) for row in found] == [
        ("other", "hr"),
        ("Ward3-07", "hr"),
    ]
    assert walk(get, "series", name="a\0") == walk(get, "series", name="h") == []


@pytest.mark.parametrize("path", ["identities", "series", "measurements"])
@pytest.mark.parametrize("after", ["", "x", "%00", "é", "b!d", "aWRlbnRpdHk6", "A" * 5000])
def test_bad_cursors_are_refused(get: Get, db: None, path: str, after: str) -> None:
    answer = get(path, after=after)
    assert answer.status_code == 400
    assert answer.json()["parameter"] == "after"


def test_cursors_of_another_list_are_refused(get: Get, files: list[Measurement]) -> None:
    make_series(files[0].identity, "hr", {START: 1})
    make_series(files[0].identity, "temp", {START: 1})
    lists = ("identities", "series", "measurements")
    cursors = {path: get(path, limit=1).json()["next"].rpartition("after=")[2] for path in lists}
    for path in lists:
        for source, cursor in cursors.items():
            expected = 200 if source == path else 400
            assert get(path, after=cursor).status_code == expected, (path, source)


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({"status": "lost"}, "status"),
        ({"status": ""}, "status"),
        ({"received_from": "2026"}, "received_from"),
        ({"received_to": 1_700_000_000}, "received_to"),
        ({"received_from": 5, "received_to": 4}, "received_from"),
        ({"from_": 5, "to": 4}, "from"),
        ({"limit": 1001}, "limit"),
        ({"offset": 5}, "offset"),
    ],
)
def test_bad_parameters_are_named(
    get: Get, db: None, parameters: dict[str, Any], wrong: str
) -> None:
    answer = get("measurements", **parameters)
    assert answer.status_code == 400
    assert answer.json()["parameter"] == wrong
