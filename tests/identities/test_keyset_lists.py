"""Admin lists page by key: each row once, in either direction, however the list is sorted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from identities.admin import keyset
from identities.models import Identity, PreSharedKey

IDENTITIES = "/admin/identities/identity/"
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def many(db: None) -> list[str]:
    """120 identities, some created in the same moment; their names in order."""
    names = [f"{'Bed' if number % 2 else 'bed'}-{number:03d}" for number in range(120)]
    Identity.objects.bulk_create(Identity(name=name, description="ward 3") for name in names)
    for identity in Identity.objects.all():
        moment = MOMENT + timedelta(hours=int(identity.name[-3:]) // 7)
        Identity.objects.filter(pk=identity.pk).update(created_at=moment)
    return names


def page(client: Client, url: str, query: str = "") -> Any:
    answer = client.get(f"{url}?{query.lstrip('?')}")
    assert answer.status_code == 200
    return answer.context["cl"]


def walk(client: Client, url: str, query: str = "", direction: str = "next") -> list[str]:
    """Return the names on all pages from ``query`` on."""
    names: list[str] = []
    while True:
        cl = page(client, url, query)
        found = [str(row) for row in cl.result_list]
        names = names + found if direction == "next" else found + names
        query = cl.next_query if direction == "next" else cl.previous_query
        if not query:
            return names


def column(client: Client, url: str, name: str) -> int:
    return list(page(client, url).list_display).index(name)


def test_pages_forward_hold_each_row_once(admin: Client, many: list[str]) -> None:
    assert walk(admin, IDENTITIES) == many


def test_pages_backward_hold_the_same_rows(admin: Client, many: list[str]) -> None:
    first = page(admin, IDENTITIES)
    second = page(admin, IDENTITIES, first.next_query)
    third = page(admin, IDENTITIES, second.next_query)
    assert not third.next_query
    again = page(admin, IDENTITIES, third.previous_query)
    assert [*again.result_list] == [*second.result_list]
    start = page(admin, IDENTITIES, again.previous_query)
    assert [*start.result_list] == [*first.result_list]
    assert not start.previous_query


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_sorted_list_holds_each_row_once(admin: Client, many: list[str], sign: str) -> None:
    place = column(admin, IDENTITIES, "created")
    names = walk(admin, IDENTITIES, f"o={sign}{place}")
    rows = Identity.objects.order_by(f"{sign}created_at", f"{sign}pk")
    assert names == list(rows.values_list("name", flat=True))


def test_a_column_without_an_index_does_not_sort_a_long_list(
    admin: Client, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "MAX_COUNTED", 100)
    place = column(admin, IDENTITIES, "description")
    assert walk(admin, IDENTITIES, f"o={place}") == many
    assert f"o={place}" not in admin.get(IDENTITIES).content.decode()


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("name", ["description", "is_active", "keys"])
def test_any_column_sorts_a_short_list(
    admin: Client, many: list[str], name: str, sign: str
) -> None:
    for number, identity in enumerate(Identity.objects.order_by("name")[:70]):
        identity.description, identity.is_active = f"ward {number % 4}", number % 3 > 0
        identity.save()
        if number % 5:
            PreSharedKey.objects.create(
                identity=identity,
                digest=number.to_bytes(32, "big"),
                hint="dek_x",
                expires_at=timezone.now() + timedelta(days=1),
            )
    place = column(admin, IDENTITIES, name)
    names = walk(admin, IDENTITIES, f"o={sign}{place}")
    assert sorted(names, key=str.lower) == many
    rows = {identity.name: identity for identity in Identity.objects.all()}
    values = [rows[each].keys.count() if name == "keys" else getattr(rows[each], name)
              for each in names]  # fmt: skip
    assert values == sorted(values, reverse=bool(sign))


def test_days_narrow_a_list(admin: Client, many: list[str]) -> None:
    days = {"created_from": "2026-03-01", "created_until": "2026-03-01", "is_active__exact": "1"}
    found = walk(admin, IDENTITIES, urlencode(days))
    first = Identity.objects.filter(created_at__lt=MOMENT + timedelta(days=1))
    assert sorted(found) == sorted(first.values_list("name", flat=True))
    text = admin.get(f"{IDENTITIES}?{urlencode(days)}").content.decode()
    assert '<input type="hidden" name="is_active__exact" value="1">' in text
    assert len(walk(admin, IDENTITIES, "created_from=&created_until=")) == 120
    for wrong in ("yesterday", "0001-01-01", "9999-12-31", "\x00"):
        answer = admin.get(IDENTITIES, {"created_until": wrong})
        assert answer.status_code == 400, wrong


def test_rows_that_come_or_go_shift_no_page(admin: Client, many: list[str]) -> None:
    first = page(admin, IDENTITIES)
    Identity.objects.filter(name__in=many[:10]).delete()
    Identity.objects.create(name="aaa")
    second = page(admin, IDENTITIES, first.next_query)
    assert [row.name for row in second.result_list] == many[50:100]


def test_filters_and_searches_stay_on_further_pages(admin: Client, many: list[str]) -> None:
    Identity.objects.filter(name__in=many[:7]).update(is_active=False)
    first = page(admin, IDENTITIES, "q=WARD&is_active__exact=1")
    assert parse_qs(first.next_query.lstrip("?"))["q"] == ["WARD"]
    assert walk(admin, IDENTITIES, "q=WARD&is_active__exact=1") == many[7:]


@pytest.mark.parametrize("token", ["x", "a:b:c", "WyJuZXh0IiwxLDFd:1w:abc", "2"])
def test_a_place_that_is_not_ours_is_refused(admin: Client, many: list[str], token: str) -> None:
    assert admin.get(f"{IDENTITIES}?p={token}").status_code == 400


def test_a_place_of_another_list_is_refused(admin: Client, many: list[str]) -> None:
    place = parse_qs(page(admin, IDENTITIES).next_query.lstrip("?"))["p"][0]
    for number, identity in enumerate(Identity.objects.all()):
        PreSharedKey.objects.create(
            identity=identity, digest=number.to_bytes(32, "big"), hint="dek_x"
        )
    answer = admin.get(f"/admin/identities/presharedkey/?{urlencode({'p': place})}")
    assert answer.status_code == 400


def test_the_number_of_rows_is_shown(admin: Client, many: list[str]) -> None:
    assert page(admin, IDENTITIES).count_text == "120"
    assert page(admin, IDENTITIES, "q=bed-00").count_text == "10"
    assert "120 identities" in " ".join(admin.get(IDENTITIES).content.decode().split())


def test_no_list_counts_or_skips_rows_without_a_limit(admin: Client, many: list[str]) -> None:
    second = page(admin, IDENTITIES).next_query
    with CaptureQueriesContext(connection) as queries:
        page(admin, IDENTITIES, second)
    for query in queries:
        sql = query["sql"]
        assert "OFFSET" not in sql
        if re.match(r"SELECT COUNT\(", sql) and "identities_identity" in sql:
            assert "LIMIT 1001" in sql


def test_an_autocomplete_counts_no_further_than_it_shows(admin: Client, many: list[str]) -> None:
    query = "app_label=ingest&model_name=retentionpolicy&field_name=identity&term=ED-00"
    answer = admin.get(f"/admin/autocomplete/?{query}")
    assert [row["text"] for row in answer.json()["results"]] == many[:10]


def test_keys_are_found_by_what_people_have_in_hand(admin: Client, many: list[str]) -> None:
    identity = Identity.objects.named("bed-017")
    PreSharedKey.objects.create(
        identity=identity, digest=b"k" * 32, hint="dek_7Qx", note="Tablet of Mrs. Kim"
    )
    for term in ("bed-017", "D-01", "mrs. k", "dek_7", "dek_7Qx"):
        cl = page(admin, "/admin/identities/presharedkey/", urlencode({"q": term}))
        assert [row.hint for row in cl.result_list] == ["dek_7Qx"], term
    assert not page(admin, "/admin/identities/presharedkey/", "q=%25").result_list
