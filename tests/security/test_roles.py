"""Who may do what: every address of the staff site, for every role, read and written.

``role_matrix.txt`` is the table; a new address fails here until it has its row. To write the
table anew and read the difference: ``ROLE_MATRIX=write pytest tests/security/test_roles.py``.
``make test`` asks each address as the two weakest roles, and most as one of the others, which
take turns; ``make test-all`` asks as all of them.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from device_endpoint.env import read_text
from tests.identities.admin_pages import SECRET
from tests.security.conftest import ROLES, browser_of
from tests.security.populated_site import World, make, patterns
from tests.support.examples import one_in

TABLE = Path(__file__).with_name("role_matrix.txt")
FIELDS = {"post": "yes", "confirmed": "yes", "reason": "because", "name": "x"}
WEAK = ROLES[3:]
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


def read_table() -> dict[tuple[str, str], list[str]]:
    """Return the statuses of all roles by method and pattern."""
    lines = [line.split() for line in TABLE.read_text().splitlines()[1:]]
    # The pattern of the first page is empty.
    cells = [line if len(line) > 1 + len(ROLES) else [line[0], "", *line[1:]] for line in lines]
    return {(line[0], line[1]): line[2:] for line in cells}


def write_table(found: dict[tuple[str, str], list[str]]) -> None:
    rows = [("", "", list(ROLES)), *((*key, row) for key, row in found.items())]
    lines = [
        f"{method:<4} {pattern:<70} " + " ".join(f"{one:<9}" for one in row)
        for method, pattern, row in rows
    ]
    TABLE.write_text("\n".join(line.rstrip() for line in lines) + "\n")


def ask(
    world: World, browsers: dict[str, Client], key: tuple[str, str], known: list[str], turn: int
) -> list[str]:
    """Return the statuses of an address; roles that are not asked have the status in ``known``."""
    method, pattern = key
    asked = {*one_in(len(ROLES), ROLES, first=turn), *WEAK} if known else set(ROLES)
    return [
        answered(browsers[role], method, world.address(pattern)) if role in asked else status
        for role, status in zip(ROLES, known or ROLES, strict=True)
    ]


def test_every_role_gets_the_statuses_of_the_matrix(
    world: World, browsers: dict[str, Client]
) -> None:
    is_writing = read_text("ROLE_MATRIX") == "write"
    known = {} if is_writing else read_table()
    keys = [(method, pattern) for pattern in sorted(set(patterns())) for method in ("GET", "POST")]
    found = {
        key: ask(world, browsers, key, known.get(key, []), turn) for turn, key in enumerate(keys)
    }
    if is_writing:
        write_table(found)
    assert found == read_table()


def test_the_matrix_finds_pages_without_permissions(
    world: World, browsers: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without the checks of permissions other statuses are found."""
    monkeypatch.setattr(User, "has_perm", lambda *args, **options: True)
    known = read_table()
    lists = [key for key, row in known.items() if key[1].count("/") == 3 and row[3] == "403"]
    assert len(lists) > 10
    for key in lists[::6]:
        assert ask(world, browsers, key, known[key], turn=-1) != known[key], key


def rows(role: str) -> list[tuple[str, str, str]]:
    """Return method, pattern and status of the table's column for a role."""
    column = ROLES.index(role)
    return [(*key, row[column]) for key, row in read_table().items()]


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
    written = sorted({pattern for pattern in patterns() if "logout" not in pattern})
    for pattern in written:
        browsers["analyst"].post(world.address(pattern), {"action": "delete_selected"} | FIELDS)
    for pattern in one_in(2, written):
        browsers["analyst"].post(world.address(pattern), FIELDS)
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
