"""No request makes a page of the admin fail, whatever its parameters, fields and selections."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.security import admin_fuzz
from tests.security.admin_fuzz import Case, find_failures, sample
from tests.security.conftest import browser_of
from tests.security.populated_site import make

ROLES = ("superuser", "operator", "analyst")


def choose(role: str, count: int) -> tuple[Client, list[Case]]:
    """Return a browser of ``role`` and ``count`` cases of each kind."""
    world, client = make(), browser_of(role)
    kinds = (
        admin_fuzz.list_cases(),
        admin_fuzz.form_cases(client, world),
        admin_fuzz.action_cases(client),
        admin_fuzz.address_cases(world),
    )
    return client, [case for kind in kinds for case in sample(kind, count)]


@pytest.mark.parametrize("role", ROLES)
def test_odd_requests_are_refused_not_failed(db: None, role: str) -> None:
    assert find_failures(*choose(role, 30)) == []


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_many_odd_requests_are_refused(db: None, role: str) -> None:
    assert find_failures(*choose(role, 500)) == []
