"""Who may do what: every address of the staff site, for every role, read and written.

``role_matrix.txt`` is the table; a new address fails here until it has its row. To write the
table anew and read the difference: ``ROLE_MATRIX=write pytest tests/security/test_roles.py``.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client

from device_endpoint.env import read_text
from tests.identities.admin_pages import SECRET
from tests.security.conftest import ROLES, browser_of
from tests.security.populated_site import World, make, patterns

TABLE = Path(__file__).with_name("role_matrix.txt")
FIELDS = {"post": "yes", "confirmed": "yes", "reason": "because", "name": "x"}
# Pages that need no login.
OPEN = {"", "admin/login/", "livez", "readyz", "api/v1/", "api/v1/docs", "api/v1/schema"}


@pytest.fixture
def world(db: None) -> World:
    return make()


@pytest.fixture
def browsers(db: None) -> dict[str, Client]:
    return {role: browser_of(role) for role in ROLES}


def answered(client: Client, method: str, address: str) -> str:
    """Return the status, and where a redirect leads if that is the login; nothing is kept."""
    # Not atomic(): what is to be durable refuses to stand inside another block.
    before, cookies = transaction.savepoint(), deepcopy(client.cookies)
    answer = client.get(address) if method == "GET" else client.post(address, FIELDS)
    transaction.savepoint_rollback(before)
    client.cookies = cookies
    if method == "GET" and not answer.streaming:
        assert SECRET.search(answer.content.decode("latin-1")) is None, f"a secret at {address}"
    if answer.status_code == 302 and "/login/" in answer["Location"]:
        return "login"
    return str(answer.status_code)


def matrix(world: World, browsers: dict[str, Client]) -> list[str]:
    lines = []
    for pattern in sorted(set(patterns())):
        address = world.address(pattern)
        for method in ("GET", "POST"):
            found = [answered(browsers[role], method, address) for role in ROLES]
            lines.append(f"{method:<4} {pattern:<70} " + " ".join(f"{one:<9}" for one in found))
    return [line.rstrip() for line in lines]


def test_every_role_gets_the_statuses_of_the_matrix(
    world: World, browsers: dict[str, Client]
) -> None:
    head = f"{'':<4} {'':<70} " + " ".join(f"{role:<9}" for role in ROLES)
    found = [head, *matrix(world, browsers)]
    if read_text("ROLE_MATRIX") == "write":
        TABLE.write_text("\n".join(found) + "\n")
    assert found == TABLE.read_text().splitlines()


def rows(role: str) -> list[tuple[str, str, str]]:
    """Return method, pattern and status of the table's column for a role."""
    column = ROLES.index(role)
    lines = [line.split() for line in TABLE.read_text().splitlines()[1:]]
    # The pattern of the first page is empty.
    cells = [line if len(line) > 1 + len(ROLES) else [line[0], "", *line[1:]] for line in lines]
    return [(line[0], line[1], line[2 + column]) for line in cells]


def test_anonymous_gets_nothing_but_what_comes_before_a_login() -> None:
    for method, pattern, status in rows("anonymous"):
        if pattern not in OPEN | {"admin/logout/"}:
            assert status in ("login", "401", "403", "404", "405"), (method, pattern)


def test_staff_without_permissions_see_their_own_pages_only() -> None:
    own = (
        "password_change",
        "logout",
        "accesstoken",
        "jsi18n",
        "login",
        "mfa",
        "app_label",
    )
    for method, pattern, status in rows("staff"):
        mine = pattern in OPEN | {"admin/"} or any(part in pattern for part in own)
        if not mine:
            assert status in ("302", "400", "401", "403", "404", "405"), (method, pattern)


def test_analysts_change_nothing_but_their_own(world: World, browsers: dict[str, Client]) -> None:
    before = {
        label: type(row)._base_manager.values_list().get(pk=row.pk)
        for label, row in world.rows.items()
    }
    for pattern in patterns():
        if "logout" not in pattern:
            browsers["analyst"].post(world.address(pattern), FIELDS)
            browsers["analyst"].post(world.address(pattern), {"action": "delete_selected"} | FIELDS)
    after = {
        label: type(row)._base_manager.values_list().get(pk=row.pk)
        for label, row in world.rows.items()
    }
    assert after == before


def test_nobody_deletes_or_edits_evidence() -> None:
    evidence = (
        "registrationattempt",
        "auditevent",
        "measurement",
        "datadeletion",
        "sampleconflict",
    )
    for role in ROLES:
        for method, pattern, status in rows(role):
            edits = pattern.endswith(("delete/", "/add/")) or (
                method == "POST" and pattern.endswith("/change/")
            )
            if edits and pattern.split("/")[2] in evidence:
                assert status in ("403", "404", "login"), (role, method, pattern)
