"""No request makes a page of the admin fail, whatever its parameters, fields and selections."""

from __future__ import annotations

import pytest
from django.contrib.admin.views.main import ChangeList
from django.test import Client

from tests.security import admin_fuzz
from tests.security.admin_fuzz import ODD_VALUES, Case, find_failures, sample
from tests.security.conftest import browser_of
from tests.security.populated_site import make
from tests.support.examples import IS_LONG_RUN

ROLES = ("superuser", "operator", "analyst")


def choose(role: str, count: int, pages: int) -> tuple[Client, list[Case]]:
    """Return a browser of ``role`` and ``count`` cases of each kind, forms of ``pages`` pages."""
    world, client = make(), browser_of(role)
    forms = sample(admin_fuzz.form_addresses(world), pages, role)
    values = [
        sample(ODD_VALUES, len(ODD_VALUES) if IS_LONG_RUN else 4, f"{role} {kind}")
        for kind in range(4)
    ]
    kinds = (
        admin_fuzz.list_cases(values[0]),
        admin_fuzz.form_cases(client, forms, values[1]),
        admin_fuzz.action_cases(client, values[2]),
        admin_fuzz.address_cases(world, values[3]),
    )
    return client, [case for kind in kinds for case in sample(kind, count, role)]


@pytest.mark.parametrize("role", ROLES)
def test_odd_requests_are_refused_not_failed(db: None, role: str) -> None:
    assert find_failures(*choose(role, 12, pages=8)) == []


def test_the_fuzzer_finds_a_page_that_fails(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a list that fails for every parameter is found."""

    def fail(*args: object, **options: object) -> None:
        raise ValueError("no such parameter")

    monkeypatch.setattr(ChangeList, "get_filters_params", fail)
    assert find_failures(*choose("superuser", 3, pages=0)) != []


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_many_odd_requests_are_refused(db: None, role: str) -> None:
    assert find_failures(*choose(role, 500, pages=1000)) == []
