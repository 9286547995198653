"""The list of series and the page of one."""

import pytest
from django.test import Client

from analysis.admin import series_list
from identities.models import Identity
from tests.analysis.queries.factories import make_series

LIST = "/admin/analysis/series/"
START = 1_560_279_835_000


def test_an_empty_list_shows_the_next_step(analyst: Client) -> None:
    assert "No samples yet" in analyst.get(LIST).content.decode()


def test_the_list_links_to_the_chart(analyst: Client) -> None:
    make_series(Identity.objects.create(name="a@b.c"), "hr", {START: 70})
    text = analyst.get(LIST).content.decode()
    assert f'href="{LIST}a@b.c/hr/"' in text
    assert analyst.get(f"{LIST}a@b.c/hr/").status_code == 200


def test_the_list_has_pages(analyst: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_list, "SERIES_PER_PAGE", 2)
    identity = Identity.objects.create(name="ward")
    for name in ("a", "b", "c"):
        make_series(identity, name, {START: 70})
    text = analyst.get(LIST).content.decode()
    assert 'href="?after=ward%2Fb"' in text
    text = analyst.get(LIST, {"after": "ward/b"}).content.decode()
    assert f"{LIST}ward/c/" in text
    assert f"{LIST}ward/b/" not in text


def test_the_list_is_searched_by_a_part_of_the_identity(analyst: Client) -> None:
    for name in ("ward3-07", "clinic"):
        make_series(Identity.objects.create(name=name), "hr", {START: 70})
    text = analyst.get(LIST, {"q": "RD3"}).content.decode()
    assert "ward3-07" in text
    assert "clinic" not in text
    assert "No series of an identity with" in analyst.get(LIST, {"q": "<b>"}).content.decode()


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"after": "\0/x"}, {"q": "\0"}, {"after": "///"}]
)
def test_invalid_queries_of_the_list_are_answered(analyst: Client, query: dict[str, str]) -> None:
    assert analyst.get(LIST, query).status_code in (200, 400)


def test_the_page_has_the_data_for_the_chart(analyst: Client) -> None:
    make_series(Identity.objects.create(name="Ward"), "hr", {START: 70, START + 1500: 71})
    text = analyst.get(f"{LIST}WARD/hr/").content.decode()
    assert "2 samples" in text
    assert "2019-06-11 19:03:55 to 2019-06-11 19:03:56.500 UTC" in text
    assert "Heart rate (bpm)" in text
    assert f'data-first="{START}"' in text
    assert 'data-api-url="/api/v1/series/Ward/hr"' in text


@pytest.mark.parametrize("path", ["ward/none/", "none/hr/", "a%00/hr/", "ward/%3Cb%3E/"])
def test_an_unknown_series_is_404(analyst: Client, path: str) -> None:
    make_series(Identity.objects.create(name="ward"), "hr", {START: 70})
    assert analyst.get(f"{LIST}{path}").status_code == 404
