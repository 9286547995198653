"""The list of series."""

from analysis.queries.series import list_series
from identities.models import Identity
from identities.visibility import EVERYTHING
from tests.analysis.queries.factories import make_block, make_series

START = 1_700_000_000_000


def names(**arguments: object) -> list[tuple[str, str]]:
    page = list_series(EVERYTHING, **arguments)  # type: ignore[arg-type]
    return [(series.identity, series.name) for series in page.series]


def make_some() -> None:
    for identity_name in ("b", "A", "c", "empty"):
        identity = Identity.objects.create(name=identity_name)
        for name in () if identity_name == "empty" else ("temp", "hr", "ibi"):
            make_series(identity, name, {START: 1, START + 9_000_000: 3}, 2)


def test_series_are_sorted_by_identity_without_case_then_by_name(db: None) -> None:
    make_some()
    assert names() == [(i, n) for i in ("A", "b", "c") for n in ("hr", "ibi", "temp")]


def test_count_and_ends_are_those_of_all_blocks(db: None) -> None:
    ward = Identity.objects.create(name="ward")
    make_block(ward, "hr", [(START, 1), (START + 5, 1)])
    make_block(ward, "hr", [(START + 2, 1)])
    make_block(ward, "hr", [(START + 9_000_000, 1)])
    (series,) = list_series(EVERYTHING).series
    assert (series.count, series.first_ms, series.last_ms) == (4, START, START + 9_000_000)


def test_pages_hold_every_series_once(db: None) -> None:
    make_some()
    seen = []
    after = None
    while True:
        page = list_series(EVERYTHING, after=after, limit=2)
        seen += [(series.identity, series.name) for series in page.series]
        after = page.after
        if after is None:
            break
    assert seen == names()


def test_identities_are_found_in_any_case_and_by_part_of_name(db: None) -> None:
    make_some()
    assert {identity for identity, _ in names(identity="a")} == {"A"}
    Identity.objects.create(name="ward3-07")
    make_series(Identity.objects.named("WARD3-07"), "hr", {START: 1})
    assert names(contains="D3-") == [("ward3-07", "hr")]


def test_invalid_names_match_nothing(db: None) -> None:
    make_some()
    assert names(identity="a\0") == names(identity="") == names(identity="%") == []
    assert names(contains="%") == []
