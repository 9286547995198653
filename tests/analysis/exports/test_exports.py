"""Exports carry their provenance and are recorded in the audit log."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pyarrow.parquet
import pytest
from fhir.resources.bundle import Bundle as BundleR5
from fhir.resources.R4B.bundle import Bundle as BundleR4B

from analysis.exports.formats import FORMATS
from identities.audit.models import AuditEvent
from identities.models import Identity
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series

START = 1_700_006_400_000  # 2023-11-15T00:00Z
DAY = 86_400_000
SERIES = "series/Ward3-07/hr"
ZIPPED = ("csv", "parquet", "json")


@pytest.fixture
def heart(ward: Identity) -> Identity:
    """Two days: even steps, then uneven ones, then a day later."""
    times = [0, 1000, 2000, 3000, 4500, 6100, DAY, DAY + 1000]
    make_series(ward, "hr", {START + time: 60 + place / 2 for place, time in enumerate(times)})
    return ward


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def test_csv_has_its_provenance_in_headers(get: Get, heart: Identity) -> None:
    answer = get(f"{SERIES}/samples", to=START + 1000)
    assert body(answer) == b"time_ms,value\n1700006400000,60\n"
    provenance = json.loads(answer["X-Provenance"])
    source = (provenance["identity"], provenance["series"], provenance["unit"])
    assert source == ("Ward3-07", "hr", "/min")
    ends = (provenance["from"], provenance["to"])
    assert ends == ("2023-11-15T00:00:00.000Z", "2023-11-15T00:00:01.000Z")
    address = answer["Link"].partition(">")[0].removeprefix("<http://testserver/api/v1/")
    dictionary = get(address).json()
    assert [each["name"] for each in dictionary["columns"]] == ["time_ms", "value"]
    assert dictionary["measurement"]["loinc"] == "8867-4"


def test_json_and_parquet_contain_their_provenance(get: Get, heart: Identity) -> None:
    document = json.loads(body(get(f"{SERIES}/samples", format="json")))
    file = io.BytesIO(body(get(f"{SERIES}/samples", format="parquet")))
    held = json.loads(pyarrow.parquet.read_schema(file).metadata[b"device_endpoint"])
    for provenance in (document["provenance"], held):
        assert provenance["columns"][1]["unit"] == "/min"
    assert document["samples"][0] == [START, 60]


@pytest.mark.parametrize("count", [1, 8])
def test_the_summary_estimates_sizes(get: Get, heart: Identity, count: int) -> None:
    to = {"to": START + 1} if count == 1 else {}
    summary = get(f"{SERIES}/summary", **to).json()
    assert summary["count"] == count
    for each in ("csv", "json", "parquet"):
        size = len(body(get(f"{SERIES}/samples", format=each, **to)))
        if each == "csv":
            assert summary["bytes"][each] == pytest.approx(size, rel=0.02)
        assert summary["bytes"][each] > 0


def test_the_summary_estimates_sizes_of_all_formats(get: Get, ward: Identity) -> None:
    values = {START + 1000 * n + n % 3: 60 + n * 7 % 23 / 10 for n in range(3_000)}
    make_series(ward, "hr", values)
    lines = "".join(f"{time},{value}\n" for time, value in values.items()).encode()
    ends: dict[str, Any] = {"first_ms": START, "last_ms": max(values)}
    make_measurement(make_certificate(ward), lines, **ends)
    sizes = get(f"{SERIES}/summary").json()["bytes"]
    fhir = {f"fhir_{each}": f"{SERIES}/fhir?version={each}" for each in ("r4b", "r5")}
    forms = {
        **{f"zip_{each}": f"archive?series=ward3-07/hr&format={each}" for each in ZIPPED},
        **{each: f"{SERIES}/samples?format={each}" for each in FORMATS},
        **{f"{each}_ndjson": path + "&format=ndjson" for each, path in fhir.items()},
        **fhir,
        "open_mhealth": f"{SERIES}/open-mhealth",
        "originals": f"{SERIES}/originals",
    }
    for name, path in forms.items():
        # Files as regular as these pack better in the database than in a zip.
        near = 0.6 if name == "originals" else 0.1
        assert sizes[name] == pytest.approx(len(body(get(path))), rel=near), name


def test_file_names_have_identity_measurement_and_range(get: Get, heart: Identity) -> None:
    expected = "Ward3-07_hr_20231115T000000Z_20231115T000004Z"
    for path, suffix in {
        f"{SERIES}/samples?": ".csv",
        f"{SERIES}/samples?format=csv_iso&": ".csv",
        f"{SERIES}/fhir?version=r5&": "_fhir-r5.json",
        f"{SERIES}/fhir?format=ndjson&": "_fhir-r4b.ndjson",
        f"{SERIES}/open-mhealth?": "_open-mhealth.json",
        "archive?series=ward3-07/hr&": ".zip",
    }.items():
        answer = get(f"{path}to={START + 4000}")
        assert answer["Content-Disposition"] == f'attachment; filename="{expected}{suffix}"'


@pytest.mark.parametrize("version", ["r4b", "r5"])
def test_ndjson_has_all_days_of_the_paged_bundles(get: Get, heart: Identity, version: str) -> None:
    path = f"{SERIES}/fhir?version={version}"
    paged = []
    while path:
        bundle = json.loads(body(get(path)))
        paged += [entry["resource"] for entry in bundle["entry"]]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        path = links.get("next", "").partition("/api/v1/")[2]
    answer = get(f"{SERIES}/fhir?version={version}&format=ndjson")
    assert answer["Content-Type"] == "application/fhir+ndjson"
    assert [json.loads(line) for line in body(answer).splitlines()] == paged
    assert len(paged) > 1


def test_the_dictionary_is_a_page_too(get: Get, heart: Identity) -> None:
    page = get(f"{SERIES}/dictionary", format="html")
    assert page["Content-Type"] == "text/html; charset=utf-8"
    text = page.content.decode()
    assert "8867-4" in text
    assert "<code>time_ms</code>" in text


def test_a_series_without_code_has_no_clinical_sizes(get: Get, ward: Identity) -> None:
    make_series(ward, "steps", {START: 3})
    sizes = get("series/ward3-07/steps/summary").json()["bytes"]
    assert set(sizes) == {"originals", *FORMATS, *(f"zip_{each}" for each in ZIPPED)}


def test_a_zip_holds_csv_and_dictionary(get: Get, heart: Identity) -> None:
    make_series(heart, "ibi", {START: 800})
    path = "archive?series=ward3-07/hr&series=ward3-07/ibi"
    archive = zipfile.ZipFile(io.BytesIO(body(get(path))))
    assert archive.testzip() is None
    assert archive.namelist() == [
        "Ward3-07_hr.csv", "Ward3-07_hr.json", "Ward3-07_ibi.csv", "Ward3-07_ibi.json",
    ]  # fmt: skip
    assert archive.read("Ward3-07_ibi.csv") == b"time_ms,value\n1700006400000,800\n"
    assert json.loads(archive.read("Ward3-07_ibi.json"))["measurement"]["unit"] == "ms"


@pytest.mark.parametrize("query", ["", "?series=x", "?series=a/b/c", "?to=1&to=2&series=a/b"])
def test_a_zip_without_valid_series_is_rejected(get: Get, heart: Identity, query: str) -> None:
    assert get(f"archive{query}").status_code == 400


def test_the_stored_files_of_a_range_are_zipped(get: Get, heart: Identity) -> None:
    certificate = make_certificate(heart)
    early: dict[str, Any] = {"first_ms": START, "last_ms": START + 10}
    late: dict[str, Any] = {"first_ms": START + DAY, "last_ms": START + DAY}
    make_measurement(certificate, b"first\r\n", **early, sequence=1)
    make_measurement(certificate, b"second", **late, sequence=2)
    make_measurement(certificate, b"bad", **early, status="rejected")
    archive = zipfile.ZipFile(io.BytesIO(body(get(f"{SERIES}/originals"))))
    first, second, receipts = archive.namelist()
    assert (archive.read(first), archive.read(second)) == (b"first\r\n", b"second")
    listed = json.loads(archive.read(receipts))
    assert [(each["file"], each["size"]) for each in listed] == [(first, 7), (second, 6)]
    archive = zipfile.ZipFile(io.BytesIO(body(get(f"{SERIES}/originals", to=START + 10))))
    assert archive.namelist() == [first, "receipts.json"]


def observed(observation: dict[str, Any]) -> int:
    data = observation.get("valueSampledData")
    return len(data["data"].split()) if data else 1


@pytest.mark.parametrize(("version", "model"), [("r4b", BundleR4B), ("r5", BundleR5)])
def test_fhir_bundles_are_valid_and_hold_a_day_each(
    get: Get, heart: Identity, version: str, model: Any
) -> None:
    path, counts = f"{SERIES}/fhir?version={version}", []
    while path:
        text = body(get(path))
        model.model_validate_json(text)
        bundle = json.loads(text)
        resources = [entry["resource"] for entry in bundle["entry"]]
        counts.append(sum(map(observed, resources)))
        assert {each["code"]["coding"][0]["code"] for each in resources} == {"8867-4"}
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        path = links.get("next", "").removeprefix("http://testserver/api/v1/")
    assert counts == [6, 2]


def test_an_empty_range_is_an_empty_bundle(get: Get, heart: Identity) -> None:
    bundle = json.loads(body(get(f"{SERIES}/fhir", from_=START + 3 * DAY)))
    BundleR4B.model_validate(bundle)
    assert "entry" not in bundle


def test_open_mhealth_has_a_point_for_each_sample(get: Get, heart: Identity) -> None:
    points = json.loads(body(get(f"{SERIES}/open-mhealth")))
    assert len(points) == 8
    assert points[1]["body"] == {
        "heart_rate": {"value": 60.5, "unit": "beats/min"},
        "effective_time_frame": {"date_time": "2023-11-15T00:00:01.000Z"},
    }
    assert points[1]["header"]["schema_id"]["name"] == "heart-rate"
    assert json.loads(body(get(f"{SERIES}/open-mhealth", to=START))) == []


@pytest.mark.parametrize("form", ["fhir", "open-mhealth"])
def test_a_series_without_code_has_no_clinical_export(get: Get, ward: Identity, form: str) -> None:
    make_series(ward, "steps", {START: 3})
    answer = get(f"series/ward3-07/steps/{form}")
    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "urn:device-endpoint:measurement_without_code",
    )


@pytest.mark.parametrize(
    "path", ["samples", "fhir", "open-mhealth", "originals", "../../../archive?series=ward3-07/hr"]
)
def test_every_export_is_recorded_in_the_audit_log(get: Get, heart: Identity, path: str) -> None:
    address = f"{SERIES}/{path}" if not path.startswith(".") else path.rpartition("../")[2]
    assert get(address).status_code == 200
    (row,) = AuditEvent.objects.filter(action="export")
    assert row.username == "analyst"
    assert "hr" in row.object_repr


@pytest.mark.parametrize("path", ["summary", "dictionary", "buckets"])
def test_other_requests_are_not_recorded_as_exports(get: Get, heart: Identity, path: str) -> None:
    assert get(f"{SERIES}/{path}").status_code == 200
    assert not AuditEvent.objects.filter(action="export").exists()
