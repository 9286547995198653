"""The page of a series by days, and the calendar that leads to days."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from identities.models import Identity
from identities.studies import Study, StudyIdentity
from tests.analysis.admin.pages import cells
from tests.analysis.queries.factories import make_analyst, make_series

START = 1_772_323_200_000  # 2026-03-01T00:00Z
PAGE = "/admin/analysis/series/Ward3-07/x/days/"


@pytest.fixture
def page(ward: Identity) -> Client:
    """Give a client of an analyst, and three days of readings once a minute."""
    make_series(ward, "x", {START + minute * 60_000: minute % 50 for minute in range(3 * 1440)})
    client = Client()
    client.force_login(make_analyst())
    return client


def test_the_table_has_a_row_for_each_day(page: Client) -> None:
    rows = cells(page.get(PAGE).content.decode())
    assert [row[0] for row in rows] == ["Tue 2026-03-03", "Mon 2026-03-02", "Sun 2026-03-01"]
    assert rows[2][1:4] == ["1,440", "24.00", "100 %"]
    assert rows[2][4:] == ["24.3611", "14.387", "0", "2", "24", "47", "49", "2"]


def test_the_time_zone_and_the_period_can_be_chosen(page: Client) -> None:
    rows = cells(page.get(PAGE, {"timezone": "Asia/Kolkata"}).content.decode())
    assert [row[1] for row in rows] == ["330", "1,440", "1,440", "1,110"]
    rows = cells(page.get(PAGE, {"by": "month"}).content.decode())
    assert [row[:2] for row in rows] == [["2026-03", "4,320"]]
    rows = cells(page.get(PAGE, {"by": "hour", "from": "2026-03-02"}).content.decode())
    assert rows[-1][0] == "2026-03-02 00:00 UTC"
    assert len(rows) == 48


def test_the_time_zone_of_the_study_is_the_default(page: Client, ward: Identity) -> None:
    study = Study.objects.create(name="Sleep", time_zone="Asia/Kolkata")
    StudyIdentity.objects.create(study=study, identity=ward)
    html = page.get(PAGE).content.decode()
    assert len(cells(html)) == 4
    assert 'value="Asia/Kolkata"' in html


def test_a_chart_has_a_mark_for_each_day(page: Client) -> None:
    html = page.get(PAGE, {"show": "covered"}).content.decode()
    marks = re.findall(r"<rect [^>]*><title>(.*?)</title>", html)
    assert marks == [f"{day}: 24" for day in ("Sun 2026-03-01", "Mon 2026-03-02", "Tue 2026-03-03")]


@pytest.mark.parametrize(
    "query",
    [
        "timezone=Nowhere&by=year&show=mode&from=x&to=99999-01-01",
        "from=2026-03-05&to=2026-03-01",
        "from=0001-01-01&to=9999-12-31",
        "from=1971-01-01&by=hour",
        "to=1980-01-01",
        "timezone=../UTC",
    ],
)
def test_invalid_choices_show_a_page(page: Client, query: str) -> None:
    assert page.get(f"{PAGE}?{query}").status_code == 200


def test_a_series_outside_the_studies_is_not_found(page: Client) -> None:
    user = User.objects.create_user("outsider", is_staff=True)
    page.force_login(user)
    assert page.get(PAGE).status_code == 403
    page.force_login(User.objects.get(username="analyst"))
    assert page.get(PAGE.replace("/x/", "/y/")).status_code == 404


def test_days_of_the_calendar_lead_to_their_charts(page: Client) -> None:
    html = page.get("/admin/analysis/overview/Ward3-07/").content.decode()
    days = re.findall(r'<a href="([^"]*)" tabindex="-1" aria-label="(2026-03-0[123]: [^"]*)"', html)
    assert [label for _, label in days] == [
        f"2026-03-0{day}: 24.0 h, 100 %, 1,440 samples" for day in (1, 2, 3)
    ]
    link = days[0][0].replace("&amp;", "&").replace("%3A", ":")
    assert link.endswith("?from=2026-03-01T00:00:00.000Z&to=2026-03-02T00:00:00.000Z")
    assert PAGE in html
    assert html.count('class="swatch') == 5
