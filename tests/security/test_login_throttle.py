"""Failed logins lock out one user at one address for a while, and nobody else."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from identities.audit.models import AuditEvent
from tests.security.users import LOGIN, Browser, text_of
from tests.support.stack import Stack

PASSWORD = "correct horse battery staple"


def at(address: str) -> Client:
    return Client(headers={"X-Forwarded-Proto": "https", "X-Real-IP": address})


def attempt(client: Client, username: str, password: str) -> int:
    return client.post(LOGIN, {"username": username, "password": password}).status_code


@pytest.fixture(autouse=True)
def ada(db: None) -> User:
    return User.objects.create_user("ada", password=PASSWORD, is_staff=True)


def test_the_fifth_failure_locks_out_even_the_right_password() -> None:
    client = at("192.0.2.1")
    assert [attempt(client, "ada", "wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    answer = client.post(LOGIN, {"username": "ada", "password": PASSWORD})
    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"
    assert "Wait 15 minutes" in text_of(answer.content.decode())


@pytest.mark.parametrize(
    ("address", "username", "status"),
    [
        ("192.0.2.2", "ada", 302),  # elsewhere
        ("192.0.2.1", "ben", 302),  # somebody else
        ("192.0.2.1", "ada", 429),
    ],
)
def test_a_lock_out_is_for_that_user_at_that_address(
    address: str, username: str, status: int
) -> None:
    User.objects.create_user("ben", password=PASSWORD, is_staff=True)
    for _ in range(5):
        attempt(at("192.0.2.1"), "ada", "wrong")
    assert attempt(at(address), username, PASSWORD) == status


def test_an_ipv6_host_cannot_walk_through_its_own_network() -> None:
    found = [attempt(at(f"2001:db8:1:2::{number}"), "ada", "wrong") for number in range(1, 6)]
    assert found[-1] == 429
    assert attempt(at("2001:db8:1:3::1"), "ada", PASSWORD) == 302


def test_existing_and_unknown_names_are_locked_out_alike() -> None:
    known = [attempt(at("192.0.2.1"), "ada", "wrong") for _ in range(6)]
    unknown = [attempt(at("192.0.2.1"), "nobody", "wrong") for _ in range(6)]
    assert known == unknown


def test_a_good_login_forgives_the_failures_before_it() -> None:
    for _ in range(3):
        assert [attempt(at("192.0.2.1"), "ada", "wrong") for _ in range(4)] == [200] * 4
        assert attempt(at("192.0.2.1"), "ada", PASSWORD) == 302


def test_a_password_typed_as_a_name_is_stored_nowhere() -> None:
    for _ in range(6):
        attempt(at("192.0.2.1"), "hunter2-hunter2", "x")
    assert AccessAttempt.objects.count() == 1
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', ["%hunter2%"])  # noqa: S608
            assert cursor.fetchone() == (0,), table


def test_failures_and_lockouts_are_recorded_once_a_minute() -> None:
    for _ in range(8):
        attempt(at("192.0.2.1"), "ada", "wrong")
        attempt(at("192.0.2.1"), "nobody", "wrong")
    found = AuditEvent.objects.order_by("action", "username").values_list("action", "username")
    assert list(found) == [
        ("locked out", ""),
        ("locked out", "ada"),
        ("login failed", ""),
        ("login failed", "ada"),
    ]


def test_behind_nginx_a_client_cannot_choose_its_address(stack: Stack) -> None:
    browser = Browser(stack)
    found = []
    for number in range(6):
        for header in ("X-Real-IP", "X-Forwarded-For", "X_Real_IP"):
            browser.session.headers[header] = f"198.51.100.{number}"
        found.append(browser.log_in("somebody-at-nginx", "wrong").status_code)
    assert found[4:] == [429, 429]
