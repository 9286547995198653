"""The analysis API: contents of the responses."""

import hashlib
import io
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pyarrow.parquet
import pytest

from identities.models import Identity
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series

START = 1_700_000_000_000


def body(response: Any) -> bytes:
    return b"".join(response)


def test_series_are_listed_with_count_and_ends(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 70, START + 1000: 71})
    assert get("series").json() == {
        "results": [
            {
                "identity": "Ward3-07",
                "name": "hr",
                "count": 2,
                "first_ms": START,
                "last_ms": START + 1000,
            }
        ],
        "next": None,
    }
    assert get("series", identity="ward3-07").json()["results"]
    assert get("series", identity="nobody").json() == {"results": [], "next": None}


def test_next_links_to_the_next_page(get: Get, ward: Identity) -> None:
    for name in ("a", "b", "c"):
        make_series(ward, name, {START: 1})
    page = get("series", limit=2).json()
    assert [series["name"] for series in page["results"]] == ["a", "b"]
    path = page["next"].partition("/api/v1/")[2]
    page = get(path).json()
    assert [series["name"] for series in page["results"]] == ["c"]
    assert page["next"] is None


def test_samples_are_csv_by_default(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 70, START + 500: 70.25})
    answer = get("series/WARD3-07/hr/samples")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    file_name = "Ward3-07_hr_20231114T221320Z_20231114T221320Z.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{file_name}"'
    assert body(answer).decode() == f"time_ms,value\n{START},70\n{START + 500},70.25\n"


def test_samples_are_returned_as_json(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 70, START + 500: 70.25})
    answer = get("series/Ward3-07/hr/samples", format="json", to=START + 500)
    assert answer["Content-Type"] == "application/json"
    assert json.loads(body(answer))["samples"] == [[START, 70]]


def test_samples_are_returned_as_parquet(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 70, START + 500: 70.25})
    answer = get("series/Ward3-07/hr/samples", format="parquet", from_="2023-11-14T22:13:20.001Z")
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    table = pyarrow.parquet.read_table(io.BytesIO(body(answer)))
    assert table.drop_columns("time").to_pydict() == {"time_ms": [START + 500], "value": [70.25]}


def test_an_empty_range_has_no_samples(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 70})
    assert body(get("series/Ward3-07/hr/samples", from_=START + 1)) == b"time_ms,value\n"
    assert get("series/Ward3-07/hr/buckets", to=5).json()["buckets"] == []


def test_buckets_have_a_width_and_leave_out_empty_ones(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 70, START + 1000: 80, START + 60_000: 75})
    assert get("series/Ward3-07/hr/buckets", width=40).json() == {
        "width_ms": 2000,
        "buckets": [
            {"time_ms": START, "min": 70, "max": 80, "mean": 75, "count": 2},
            {"time_ms": START + 60_000, "min": 75, "max": 75, "mean": 75, "count": 1},
        ],
    }


def test_a_measurement_has_its_receipt_and_identity(get: Get, ward: Identity) -> None:
    content = b"1700000000000,70\r\n"
    certificate = make_certificate(ward)
    stored = make_measurement(
        certificate,
        content,
        received_at=datetime(2026, 11, 23, 8, 0, 0, 250_000, UTC),
        lines=1,
        samples=1,
        new=1,
        first_ms=START,
        last_ms=START,
    )
    assert get(f"measurements/{stored.pk}").json() == {
        "id": str(stored.pk),
        "identity": "Ward3-07",
        "certificate": {"sha256": certificate.fingerprint},
        "name": "hr",
        "filename": "hr.txt",
        "content_type": "text/plain",
        "size": 18,
        "sha256": hashlib.sha256(content).hexdigest(),
        "received_at": "2026-11-23T08:00:00.250000Z",
        "status": "stored",
        "lines": 1,
        "samples": 1,
        "new": 1,
        "identical": 0,
        "replaced": 0,
        "repeated": 0,
        "first_ms": START,
        "last_ms": START,
        "errors": [],
    }


@pytest.mark.parametrize(
    "content",
    [b"1700000000000,70\r\n", b"", b"\xef\xbb\xbf\x00\xff" * 999, b"x" * 3_000_000],
    ids=["lines", "nothing", "bytes", "megabytes"],
)
@pytest.mark.parametrize("status", ["stored", "rejected"])
def test_the_stored_file_is_returned_byte_for_byte(
    get: Get, ward: Identity, content: bytes, status: str
) -> None:
    stored = make_measurement(make_certificate(ward), content, status=status)
    answer = get(f"measurements/{stored.pk}/content")
    assert body(answer) == content
    assert answer["Content-Length"] == str(len(content))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"] == "application/octet-stream"


def test_the_file_name_of_a_download_is_not_the_devices(get: Get, ward: Identity) -> None:
    stored = make_measurement(
        make_certificate(ward), b"x", name='a"\r\nX: y', filename="../../evil.html"
    )
    disposition = get(f"measurements/{stored.pk}/content")["Content-Disposition"]
    assert disposition.startswith('attachment; filename="Ward3-07_a___X__y_')
    assert disposition.endswith(f'{stored.pk.hex}.txt"')


def test_responses_are_not_cached(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 70})
    for path in ("series", "series/Ward3-07/hr/samples", f"measurements/{UUID(int=1)}"):
        assert get(path)["Cache-Control"] == "no-store"


def test_a_series_has_its_measurement_type(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 60})
    answer = get("series/ward3-07/hr").json()
    assert answer["last_ms"] == START
    assert answer["measurement"]["unit"] == "/min"
    assert get("series/ward3-07/hr", x="1").status_code == 400


def test_buckets_include_samples_up_to_the_limit_of_points(get: Get, ward: Identity) -> None:
    make_series(ward, "hr", {START: 60, START + 250: 61})
    path = "series/ward3-07/hr/buckets"
    assert get(path, points=2).json()["samples"] == [[START, 60], [START + 250, 61]]
    assert "samples" not in get(path, points=1).json()
    assert "samples" not in get(path).json()
