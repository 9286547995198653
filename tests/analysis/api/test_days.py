"""``GET /series/{identity}/{name}/days``: its form, its pages and its errors."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from identities.models import Identity
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_series

DAY = 86_400_000
FIRST = 1_772_323_200_000  # 2026-03-01T00:00Z
PATH = "series/Ward3-07/x/days"


@pytest.fixture
def ten_days(ward: Identity) -> None:
    """Store a sample each hour for ten days in UTC, but for the third day."""
    hours = [hour for hour in range(240) if hour // 24 != 2]
    make_series(ward, "x", {FIRST + hour * 3_600_000: float(hour) for hour in hours})


@pytest.mark.usefixtures("ten_days")
def test_a_day_has_the_members_of_the_contract(get: Get) -> None:
    body = get(PATH, to="2026-03-02").json()
    assert body == {
        "results": [
            {
                "date": "2026-03-01",
                "samples": 24,
                "covered_seconds": 86400.0,
                "min": 0.0,
                "max": 23.0,
                "mean": 11.5,
                "sd": pytest.approx(7.0710678),
                "p5": 1.0,
                "median": 11.0,
                "p95": 22.0,
                "resting": 0.0,
            }
        ],
        "next": None,
    }


@pytest.mark.usefixtures("ten_days")
def test_pages_lead_to_all_days_with_samples(get: Get) -> None:
    dates, query = [], {"limit": "4", "timezone": "Asia/Kolkata"}
    while query:
        body = get(PATH, **query).json()
        dates += [day["date"] for day in body["results"]]
        following = body["next"]
        query = dict(parse_qsl(urlsplit(following).query)) if following else {}
    whole = [day["date"] for day in get(PATH, timezone="Asia/Kolkata").json()["results"]]
    assert dates == whole
    assert (whole[0], whole[-1], len(whole)) == ("2026-03-01", "2026-03-11", 11)


@pytest.mark.usefixtures("ten_days")
def test_dates_are_days_of_the_time_zone(get: Get) -> None:
    body = get(PATH, timezone="America/New_York", from_="2026-03-04", to="2026-03-06").json()
    assert [(day["date"], day["samples"]) for day in body["results"]] == [
        ("2026-03-04", 24),
        ("2026-03-05", 24),
    ]
    cut = get(PATH, from_=FIRST + 5 * 3_600_000, to="2026-03-01T08:00Z").json()
    assert [day["samples"] for day in cut["results"]] == [3]


@pytest.mark.usefixtures("ten_days")
@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({"timezone": "Europe/Wien"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"from_": "2026-13-01"}, "from"),
        ({"from_": "2026-03-05", "to": "2026-03-01"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"zone": "UTC"}, "zone"),
    ],
)
def test_invalid_parameters_are_named(get: Get, parameters: dict[str, str], wrong: str) -> None:
    response = get(PATH, **parameters)
    assert response.status_code == 400
    assert response.json()["parameter"] == wrong


def test_ends_of_the_calendar_are_no_error(get: Get, ten_days: None) -> None:
    for end in ("0001-01-01", "1969-01-01", "9999-12-31", "8000-01-01"):
        for parameters in ({"from_": end}, {"to": end}):
            assert get(PATH, timezone="Asia/Tokyo", **parameters).status_code == 200
