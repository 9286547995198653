"""Series are compared by ticking or typing; a wrong one is an error beside the field."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from identities.models import Identity
from identities.studies import Study, StudyIdentity, StudyMember
from tests.analysis.queries.factories import make_analyst, make_series

COMPARE = "/admin/analysis/series/compare/"
SUGGEST = "/admin/analysis/series/suggest/"
UNKNOWN = "There is no such series"


@pytest.fixture
def wearer(db: None) -> Identity:
    identity = Identity.objects.create(name="ward3-07")
    for name in ("hr", "ibi", "acc.x"):
        make_series(identity, name, {1_560_000_000_000 + 1000 * n: 60.0 for n in range(5)})
    return identity


@pytest.fixture
def analyst(wearer: Identity) -> Client:
    client = Client()
    client.force_login(make_analyst())
    return client


def read(client: Client, *series: str) -> str:
    answer = client.get(COMPARE, {"series": series})
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("wrong", ["ward3-07/nothing", "nobody/hr", "hr", "a/b/c", "/"])
def test_a_wrong_one_leaves_the_others(analyst: Client, wrong: str) -> None:
    page = read(analyst, "ward3-07/hr", wrong)
    assert 'data-series="ward3-07/hr"' in page
    assert 'aria-describedby="series-compare-error"' in page
    alone = read(analyst, wrong)
    assert 'id="series-compare-error"' in alone
    assert "data-series=" not in alone


def test_the_typed_text_stays_in_the_field(analyst: Client) -> None:
    page = read(analyst, "ward3-07/hr", 'no"body/hr')
    assert 'value="no&quot;body/hr"' in page
    assert UNKNOWN in page


def test_none_and_too_many_are_said(analyst: Client, wearer: Identity) -> None:
    assert "Choose at least one series." in read(analyst, "")
    for number in range(5):
        make_series(wearer, f"s{number}", {1_560_000_000_000: 1.0})
    titles = [f"ward3-07/{name}" for name in ("hr", "ibi", "s0", "s1", "s2", "s3", "s4")]
    page = read(analyst, *titles)
    assert "At most 6 series fit into a chart." in page
    assert page.count("data-series=") == 6


def test_series_are_suggested_as_typed(analyst: Client) -> None:
    def suggested(text: str) -> list[str]:
        results: list[str] = analyst.get(SUGGEST, {"q": text}).json()["results"]
        return results

    assert suggested("RD3") == ["ward3-07/acc.x", "ward3-07/hr", "ward3-07/ibi"]
    assert suggested("ward3-07/i") == ["ward3-07/ibi"]
    assert suggested("elsewhere") == []
    assert suggested("") == suggested("RD3")


def test_only_visible_series_are_suggested_and_found(wearer: Identity) -> None:
    ours = Identity.objects.create(name="ours")
    make_series(ours, "hr", {1_560_000_000_000: 1.0})
    user = get_user_model().objects.create_user("member", is_staff=True)
    study = Study.objects.create(name="ours")
    StudyIdentity.objects.create(study=study, identity=ours)
    StudyMember.objects.create(study=study, user=user, role="viewer")
    client = Client()
    client.force_login(user)
    assert client.get(SUGGEST, {"q": ""}).json()["results"] == ["ours/hr"]
    assert client.get(SUGGEST, {"q": "ward"}).json()["results"] == []
    assert UNKNOWN in read(client, "ward3-07/hr")


def test_sensors_of_one_person_are_ticked_on_its_page(analyst: Client) -> None:
    page = analyst.get("/admin/analysis/overview/ward3-07/").content.decode()
    for name in ("hr", "ibi", "acc.x"):
        assert f'name="series" value="ward3-07/{name}"' in page
    assert f'action="{COMPARE}"' in page
