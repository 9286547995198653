"""The page of compliance: covered hours of identities by days."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from identities.models import Identity
from identities.studies import Study, StudyIdentity, StudyMember
from tests.analysis.admin.pages import cells
from tests.analysis.queries.factories import make_analyst, make_series

START = 1_772_323_200_000  # 2026-03-01T00:00Z


@pytest.fixture
def page(ward: Identity) -> Client:
    """Give a client of an analyst, and three days of readings once a minute."""
    make_series(ward, "x", {START + minute * 60_000: minute % 50 for minute in range(3 * 1440)})
    client = Client()
    client.force_login(make_analyst())
    return client


def compliance(page: Client, **parameters: str) -> str:
    query = {"to": "2026-03-04", "days": "7", **parameters}
    return page.get("/admin/analysis/compliance/", query).content.decode()


def test_compliance_shows_covered_hours_and_valid_days(page: Client) -> None:
    make_series(
        Identity.objects.create(name="Ward3-08"),
        "x",
        {START + minute * 60_000: 1.0 for minute in range(540)},
    )
    rows = cells(compliance(page))
    assert rows == [
        ["Ward3-07", "3 of 7", "72.0", "–", "–", "–", "24.0", "24.0", "24.0", "–"],
        ["Ward3-08", "0 of 7", "9.0", "–", "–", "–", "9.0", "–", "–", "–"],
    ]
    assert cells(compliance(page, sort="valid"))[0][0] == "Ward3-08"
    assert cells(compliance(page, sort="-covered"))[0][0] == "Ward3-07"
    assert cells(compliance(page, valid="8"))[1][1] == "1 of 7"
    assert [row[0] for row in cells(compliance(page, q="08"))] == ["Ward3-08"]
    html = compliance(page)
    assert html.count("cover-3") == 3 + 1  # the legend has one of each
    assert html.count("cover-2") == 1 + 1


def test_compliance_counts_the_days_of_the_participation(page: Client, ward: Identity) -> None:
    study = Study.objects.create(name="Sleep")
    StudyIdentity.objects.create(
        study=study,
        identity=ward,
        participant_code="=P1",
        starts_on=date(2026, 3, 2),
        ends_on=date(2026, 3, 3),
    )
    (row,) = cells(compliance(page, study="Sleep"))
    assert row[:3] == ["Ward3-07 =P1", "2 of 2", "48.0"]
    csv = compliance(page, study="sleep", format="csv").splitlines()
    assert csv[0] == "identity,participant,date,samples,covered_hours,valid,takes_part"
    assert csv[4] == "Ward3-07,'=P1,2026-03-01,1440,24.0,0,0"
    assert csv[5] == "Ward3-07,'=P1,2026-03-02,1440,24.0,1,1"


def test_members_see_the_identities_of_their_studies_only(page: Client, ward: Identity) -> None:
    other = Identity.objects.create(name="Ward3-08")
    make_series(other, "secret", {START: 1.0})
    make_series(other, "x", {START: 1.0})
    study = Study.objects.create(name="Sleep")
    StudyIdentity.objects.create(study=study, identity=ward)
    member = User.objects.create_user("member", is_staff=True)
    StudyMember.objects.create(study=study, user=member, role="viewer")
    page.force_login(member)
    html = compliance(page)
    assert [row[0] for row in cells(html)] == ["Ward3-07"]
    assert "secret" not in html


@pytest.mark.parametrize(
    "query",
    [
        "study=none&q=no&name=y",
        "days=9&valid=x&to=x",
        "timezone=x&sort=x",
        "valid=nan",
        "to=8999-12-31",
        "name=../..",
    ],
)
def test_invalid_choices_of_compliance_show_a_page(page: Client, query: str) -> None:
    assert page.get(f"/admin/analysis/compliance/?{query}").status_code == 200


def test_compliance_without_samples_says_so(db: None) -> None:
    client = Client()
    client.force_login(make_analyst("other"))
    html = client.get("/admin/analysis/compliance/").content.decode()
    assert "No samples yet." in html
    assert f"{timezone.now():%Y-%m-%d}" in html
