"""The overview lists identities by state, in a fixed number of statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Incident
from analysis.queries import identity_status
from analysis.queries.identity_status import IdentityFilter, list_identities
from identities.models import Identity
from identities.visibility import EVERYTHING
from tests.analysis.queries.factories import (
    make_analyst,
    make_certificate,
    make_measurement,
    make_series,
)
from tests.support.examples import IS_LONG_RUN

LIST = "/admin/analysis/overview/"
HOUR_MS = 3_600_000
COUNT = 100_000 if IS_LONG_RUN else 10_000
# Session and user, what the user may see, the choices of the form, the counts, and the identities
# with six kinds of rows on which their states depend: 21. A search adds up to two.
MAX_STATEMENTS = 23


@pytest.fixture
def analyst(db: None) -> Client:
    """A client signed in as a user who may view everything."""
    client = Client()
    client.force_login(make_analyst())
    return client


def make_identity(name: str, *, hours_ago: float | None = 0.1, days_left: int = 90) -> Identity:
    """Store an identity with a device whose last sample is this old."""
    identity = Identity.objects.create(name=name)
    certificate = make_certificate(identity, name)
    certificate.not_after = timezone.now() + timedelta(days=days_left)
    certificate.save()
    if hours_ago is not None:
        make_series(
            identity, "hr", {int(timezone.now().timestamp() * 1000 - hours_ago * HOUR_MS): 60}
        )
    return identity


def states() -> dict[str, str]:
    rows = list_identities(IdentityFilter(EVERYTHING)).rows
    return {identity.name: state for identity, state in rows}


def test_each_state_has_its_cause(db: None) -> None:
    make_identity("fine")
    make_identity("stale", hours_ago=30)
    for name, is_backfilling in (("overdue", False), ("backfilling", True)):
        identity = make_identity(name, hours_ago=30)
        Incident.objects.create(kind="late", identity=identity, is_backfilling=is_backfilling)
    make_identity("expiring", days_left=10)
    make_identity("idle", hours_ago=None)
    Identity.objects.create(name="bare")
    failing = make_identity("failing")
    make_measurement(failing.certificates.get(), b"x", status="rejected")
    Identity.objects.filter(pk=make_identity("off").pk).update(is_active=False)
    assert states() == {
        "bare": "idle", "expiring": "expiring", "failing": "failing", "fine": "up-to-date",
        "idle": "idle", "overdue": "overdue", "off": "inactive", "stale": "stale",
        "backfilling": "backfilling",
    }  # fmt: skip


def test_the_age_of_stale_identities_can_be_chosen(analyst: Client) -> None:
    make_identity("ward", hours_ago=2)
    assert "ward" not in text(analyst, state="stale")
    assert "ward" in text(analyst, state="stale", stale_after="1h")


def text(analyst: Client, **query: str) -> str:
    content = analyst.get(LIST, query).content.decode()
    return content.partition('id="series-list"')[2].partition("</form>")[2]


def test_a_filter_checks_a_bounded_number_and_continues(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcdef":
        make_identity(name, hours_ago=30 if name == "f" else 0.1)
    monkeypatch.setattr(identity_status, "MAX_IDENTITIES_CHECKED", 2)
    monkeypatch.setattr(identity_status, "_BATCH_SIZE", 2)
    found, after, steps = [], None, 0
    while True:
        page = list_identities(IdentityFilter(EVERYTHING), state="stale", after=after)
        found += [row.name for row, _ in page.rows]
        after, steps = page.after, steps + 1
        if after is None:
            break
    assert (found, steps) == (["f"], 4)


@pytest.mark.parametrize("count", [1, 20])
def test_the_list_takes_a_fixed_number_of_statements(analyst: Client, count: int) -> None:
    for number in range(count):
        make_identity(f"ward-{number}")
    with CaptureQueriesContext(connection) as statements:
        assert analyst.get(LIST).status_code == 200
    assert len(statements) <= MAX_STATEMENTS, [each["sql"][:80] for each in statements]


def test_searching_many_identities_takes_as_few_statements(analyst: Client) -> None:
    names = [f"subject-{number:06}" for number in range(COUNT)]
    Identity.objects.bulk_create([Identity(name=name) for name in names], batch_size=10_000)
    for query, wanted in ((str(COUNT - 1), names[-1]), ("SUBJECT-004", "subject-004000")):
        with CaptureQueriesContext(connection) as statements:
            assert wanted in text(analyst, q=query)
        assert len(statements) <= MAX_STATEMENTS


def test_an_identity_page_shows_days_devices_and_problems(analyst: Client) -> None:
    identity = make_identity("ward")
    errors = [{"line": 2, "column": 1, "got": "x", "hint": "the comma is missing"}]
    make_measurement(identity.certificates.get(), b"x", status="rejected", errors=errors)
    content = analyst.get(f"{LIST}WARD/").content.decode()
    for part in ("failing", "the comma is missing", "CN=ward", "Heart rate", "1 of "):
        assert part in content
    assert content.count("<rect") == 365


def test_a_page_of_an_identity_without_data_explains_next_steps(analyst: Client) -> None:
    Identity.objects.create(name="bare")
    content = analyst.get(f"{LIST}bare/").content.decode()
    assert "No samples yet" in content
    assert "registers with a pre-shared key" in content
    assert analyst.get(f"{LIST}nobody/").status_code == 404


def test_the_list_of_an_empty_installation_explains_next_steps(analyst: Client) -> None:
    assert "No identities yet" in analyst.get(LIST).content.decode()


def test_users_without_permission_get_403(db: None) -> None:
    client = Client()
    user = make_analyst("stranger")
    user.groups.clear()
    client.force_login(user)
    assert client.get(LIST).status_code == 403
