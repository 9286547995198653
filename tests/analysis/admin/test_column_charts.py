"""A measurement of several columns has one chart, its downloads and the marks of its data."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile

import pytest
from django.test import Client

from tests.analysis.queries.factories import make_analyst
from tests.ingest.maintenance.factories import MORNING, make_certificate, make_identity, send

pytestmark = pytest.mark.usefixtures("live_db")
ACC = f"time,x,y\n{MORNING},1,2\n{MORNING + 1},3,4\n".encode()


@pytest.fixture
def analyst(client: Client) -> Client:
    client.force_login(make_analyst(f"analyst-{uuid.uuid4().hex}"))
    return client


@pytest.fixture
def identity() -> str:
    device = make_certificate(make_identity())
    send(device, ACC, "acc")
    send(device, {MORNING: 60.0})
    return str(device.identity.name)


def show(client: Client, path: str, **query: str) -> str:
    answer = client.get(f"/admin/analysis/{path}", query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_chart_of_a_measurement_shows_all_columns(analyst: Client, identity: str) -> None:
    page = show(analyst, f"series/{identity}/acc/")
    assert f"acc of {identity}: x, y" in page
    for column in ("x", "y"):
        assert f'data-series="{identity}/acc.{column}"' in page
    address = f"/api/v1/series/{identity}/acc/samples?columns=x%2Cy&amp;format=csv"
    assert f'data-url="{address}"' in page
    download = analyst.get(address.replace("&amp;", "&"))
    assert b"".join(download.streaming_content).startswith(b"time_ms,x,y\n")  # type: ignore[attr-defined]


def test_a_column_has_a_chart_of_its_own(analyst: Client, identity: str) -> None:
    page = show(analyst, f"series/{identity}/acc.x/")
    assert page.count("data-series=") == 1
    assert f'href="/admin/analysis/series/{identity}/acc/"' in page
    assert "All columns" not in show(analyst, f"series/{identity}/hr/")


@pytest.mark.parametrize("path", ["series/", "overview/IDENTITY/"])
def test_lists_lead_to_the_chart_of_all_columns(analyst: Client, identity: str, path: str) -> None:
    page = show(analyst, path.replace("IDENTITY", identity), q=identity)
    assert page.count(f'href="/admin/analysis/series/{identity}/acc/"') >= 2
    assert f'href="/admin/analysis/series/{identity}/hr/"' in page


def test_a_chart_marks_data_ahead_of_now(analyst: Client) -> None:
    device = make_certificate(make_identity())
    send(device, {int(time.time() + 2.01 * 3600) * 1000: 1.0})
    page = show(analyst, f"series/{device.identity.name}/hr/")
    assert "▲ 2 h ahead of now" in page
    assert "data-now=" in page
    assert "ahead of now" in show(analyst, "series/", q=device.identity.name)


def test_values_that_are_not_kept_are_listed(analyst: Client) -> None:
    device = make_certificate(make_identity())
    lines = (
        f"{MORNING},1,",
        f"{MORNING},2,5",
        f"{MORNING}.5,,6",
        f"{MORNING},3,",
        f"{MORNING}.5,,7",
    )
    send(device, ("time,x,y\n" + "\n".join(lines)).encode(), "acc")
    base = f"/api/v1/series/{device.identity.name}"
    assert analyst.get(f"{base}/acc.x/not-kept").json() == {
        "files": 1, "repeated": 2, "rounded": 0, "is_complete": True,
        "times": [{"time_ms": MORNING, "values": [1.0, 2.0]}],
    }  # fmt: skip
    found = analyst.get(f"{base}/acc.y/not-kept").json()
    assert found["times"] == [{"time_ms": MORNING + 0.5, "values": [6.0]}]
    outside = {"from": MORNING + 1, "to": MORNING + 2}
    assert analyst.get(f"{base}/acc.y/not-kept", outside).json()["times"] == []


@pytest.mark.parametrize("name", ["acc", "acc.x"])
def test_the_files_of_columns_are_downloaded(analyst: Client, identity: str, name: str) -> None:
    answer = analyst.get(f"/api/v1/series/{identity}/{name}/originals")
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first, receipts = archive.namelist()
        assert archive.read(first) == ACC
        assert json.loads(archive.read(receipts))[0]["series"][0]["name"] == "acc.x"
