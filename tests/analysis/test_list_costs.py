"""Lists read about as many rows as they show, wherever the page lies and whatever it is sorted by.

The rows that PostgreSQL reads are counted for each statement of a page, in a database of many
identities of which a tenth have series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.db.models.functions import Lower
from django.test import Client

from analysis.api.parameters import make_cursor
from identities.access_tokens import AccessToken
from identities.models import Identity
from ingest.models import Measurement
from tests.support.many_identities import fill

MAX_ROWS = 8_000
# What a search without an index reads, a bound or a small table: the newest 50,000 files (their ids
# first), the incidents of 100,000 devices, and 10,000 identities that have a series by three
# statements.
MAX_ROWS_OF = {
    "ingest/measurement/?q=": 110_000,
    "alerts/incident/?q=": 110_000,
    "series?name=temp": 40_000,
}
Statement = tuple[str, Any]

# Each page, by its address; those with a place begin in the middle of the list.
API = (
    "series", "series?after=p-0{middle}/hr", "series?identity=p-0{middle}", "series?name=temp",
    "series?name=nothing",
    "identities", "identities?q=p-0{middle}", "identities?q=number+{middle}",
    "measurements", "measurements?identity=p-0{middle}", "measurements?name=hr",
    "measurements?name=nothing", "measurements?received_from=2026-01-01T01:00Z",
)  # fmt: skip
ADMIN = (
    "identities/identity/", "identities/identity/?q=0{middle}",
    "identities/identity/?is_active__exact=0",
    "identities/presharedkey/", "identities/presharedkey/?q=p-0{middle}",
    "identities/presharedkey/?q=dek_", "identities/presharedkey/?state=usable",
    "identities/presharedkey/?state=revoked", "identities/presharedkey/?refused=yes",
    "identities/auditevent/", "identities/auditevent/?q=user7",
    "identities/auditevent/?q=p-0{middle}", "identities/auditevent/?action__exact=login",
    "ingest/devicecertificate/", "ingest/devicecertificate/?q=p-0{middle}",
    "ingest/devicecertificate/?q=strap+{middle}", "ingest/devicecertificate/?state__exact=revoked",
    "ingest/measurement/", "ingest/measurement/?q=p-0{middle}", "ingest/measurement/?name=hr",
    "ingest/measurement/?status__exact=withdrawn", "ingest/measurement/?received=7",
    "ingest/registrationattempt/", "ingest/registrationattempt/?q=p-0{middle}",
    "ingest/registrationattempt/?outcome=refused",
    "ingest/sampleconflict/", "alerts/incident/", "alerts/incident/?open=yes",
    "alerts/incident/?q=p-0{middle}",
    "analysis/series/", "analysis/series/?after=p-0{middle}/hr", "analysis/series/?q=p-0{middle}",
    "analysis/overview/", "analysis/overview/?after=p-0{middle}",
    "analysis/overview/?q=p-0{middle}",
    "autocomplete/?app_label=ingest&model_name=retentionpolicy&field_name=identity&term=p-0",
    "identities/presharedkey/add/",
)  # fmt: skip


@contextmanager
def recorded() -> Iterator[list[Statement]]:
    """Give the list of statements that select rows."""
    statements: list[Statement] = []

    def record(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().upper().startswith(("SELECT", "WITH")):
            statements.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(record):
        yield statements


def count_rows(plan: dict[str, Any]) -> int:
    """Return how many rows the scans of a plan read, with those that filters removed."""
    rows = sum(count_rows(each) for each in plan.get("Plans", ()))
    if "Relation Name" in plan:
        read = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        read += plan.get("Rows Removed by Index Recheck", 0)
        rows += round(read * plan["Actual Loops"])
    return rows


def count_rows_read(statements: list[Statement]) -> int:
    rows = 0
    with connection.cursor() as cursor:
        for sql, parameters in statements:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
            (((document, *_),),) = cursor.fetchall()
            rows += count_rows(document["Plan"])
    return rows


def make_clients() -> tuple[Client, Client]:
    """Return a superuser's browser and a client of the API."""
    user = User.objects.create_superuser("ada")
    browser = Client(headers={"X-Forwarded-Proto": "https"})
    browser.force_login(user)
    token = AccessToken(user=user)
    secret = token.set_new_secret()
    token.save()
    return browser, Client(headers={"authorization": f"Bearer {secret}"})


def list_pages(number: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield pages by their address, each with a function that requests it."""
    browser, api = make_clients()
    middle = f"{number // 2:06d}"
    for path in API:
        url = f"/api/v1/{path.format(middle=middle)}"
        yield url, partial(api.get, url)
    for path in ADMIN:
        url = f"/admin/{path.format(middle=middle)}"
        yield url, partial(browser.get, url)
    for url in list_deep_pages(browser, middle):
        yield url, partial((api if "/api/" in url else browser).get, url)


def list_deep_pages(browser: Client, middle: str) -> Iterator[str]:
    """Yield lists from their middle on."""
    identity = Identity.objects.named(f"p-0{middle}")
    cl = browser.get("/admin/identities/identity/").context["cl"]
    row: Any = Identity.objects.annotate(keyset_key=Lower("name")).get(pk=identity.pk)
    for direction in ("next", "previous"):
        yield f"/admin/identities/identity/{cl._query(direction, row)}"
    lists: tuple[tuple[str, Any], ...] = (
        ("identities/presharedkey", identity.keys),
        ("ingest/devicecertificate", identity.certificates),
        ("ingest/measurement", Measurement.objects.filter(identity=identity)),
    )
    for path, rows in lists:
        cl = browser.get(f"/admin/{path}/").context["cl"]
        key = {"ingest/measurement": "id", "ingest/devicecertificate": "bound_at"}
        row = rows.annotate(keyset_key=F(key.get(path, "created_at"))).get()
        yield f"/admin/{path}/{cl._query('next', row)}"
    measurement = Measurement.objects.get(identity=identity)
    yield f"/api/v1/identities?{urlencode({'after': make_cursor('identity', identity.name)})}"
    cursor = make_cursor("measurement", str(measurement.pk))
    yield f"/api/v1/measurements?{urlencode({'after': cursor})}"


def check_pages(number: int, *, skip: tuple[str, ...] = ()) -> None:
    fill(number)
    costs: dict[str, int] = {}
    for url, request in list_pages(number):
        if any(part in url for part in skip):
            continue
        with recorded() as statements:
            answer = request()
        assert answer.status_code == 200, url
        costs[url] = count_rows_read(statements)
    assert {url: rows for url, rows in costs.items() if rows > find_limit(url)} == {}


def find_limit(url: str) -> int:
    return next((most for part, most in MAX_ROWS_OF.items() if part in url), MAX_ROWS)


def test_no_list_reads_20_000_identities(own_db: None) -> None:
    # A small table is searched by reading it, which costs less than an index.
    check_pages(20_000, skip=("?q=", "series?name=temp"))


@pytest.mark.slow
def test_no_list_reads_a_million_identities(own_db: None) -> None:
    check_pages(1_000_000)


def test_series_of_the_last_identities_are_found_at_once(own_db: None) -> None:
    fill(40_000)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ingest_series s USING identities_identity i "
            "WHERE i.id = s.identity_id AND i.name < 'p-0039900'"
        )
        cursor.execute("ANALYZE ingest_series")
    _, api = make_clients()
    with recorded() as statements:
        rows = api.get("/api/v1/series").json()["results"]
    assert rows[0]["identity"] == "p-0039900"
    assert len(rows) == 13
    assert count_rows_read(statements) < 20_000
