"""The analysis API lists annotations: filtered, paged, as JSON and CSV."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from analysis.models import Annotation
from identities.models import Identity
from tests.analysis.queries.factories import make_analyst

URL = "/api/v1/annotations"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def client(db: None) -> Client:
    client = Client()
    client.force_login(make_analyst())
    return client


@pytest.fixture(autouse=True)
def notes(db: None) -> None:
    first, second = (Identity.objects.create(name=name) for name in ("bed-1", "bed-2"))
    rows: list[dict[str, Any]] = [
        {"identity": first, "text": "moment", "starts_at": NOON},
        {"identity": first, "text": "range", "name": "hr", "starts_at": NOON - HOUR,
         "ends_at": NOON + HOUR},
        {"identity": second, "text": "other", "name": "ibi", "starts_at": NOON},
    ]  # fmt: skip
    for row in rows:
        Annotation.objects.create(created_by="ada", **row)


def texts(client: Client, **query: Any) -> list[str]:
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content
    return [row["text"] for row in answer.json()["results"]]


def test_they_are_narrowed_by_identity_series_text_and_time(client: Client) -> None:
    assert texts(client) == ["moment", "range", "other"]
    assert texts(client, identity="BED-1") == ["moment", "range"]
    assert texts(client, identity="bed-1", name="ibi") == ["moment"]
    assert texts(client, q="RANG") == ["range"]
    assert texts(client, **{"from": (NOON + HOUR / 2).isoformat()}) == ["range"]
    assert texts(client, to=(NOON - HOUR / 2).isoformat()) == ["range"]


def test_a_row_has_times_as_text_and_number(client: Client) -> None:
    (row,) = client.get(URL, {"q": "range"}).json()["results"]
    assert row["from"] == "2026-03-01T11:00:00.000Z"
    assert row["from_ms"] == int((NOON - HOUR).timestamp()) * 1000
    assert row["to_ms"] - row["from_ms"] == 7_200_000
    assert (row["identity"], row["name"], row["created_by"]) == ("bed-1", "hr", "ada")


def test_pages_follow_each_other(client: Client) -> None:
    body = client.get(URL, {"limit": 2}).json()
    following = client.get(body["next"]).json()
    assert [row["text"] for row in following["results"]] == ["other"]
    assert following["next"] is None


def test_csv_has_the_same_rows(client: Client) -> None:
    answer = client.get(URL, {"format": "csv", "limit": "2"})
    lines = answer.content.decode().splitlines()
    assert lines[0] == "id,identity,name,from,to,text,created_at,created_by"
    assert len(lines) == 3
    assert 'rel="next"' in answer.headers["Link"]
