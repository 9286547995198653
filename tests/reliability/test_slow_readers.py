"""The staff site answers while exports are read slowly and while PostgreSQL hangs."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.device_endpoint.processes import child_named, descendants, is_running
from tests.reliability.database import connect, fetch_value
from tests.reliability.slow_readers import LAST_CHUNK, SlowReader
from tests.security.users import Browser
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.slow

LINES = 1_000_000
READERS = 100
STATEMENT_TIMEOUT_SECONDS = 20
# A backend that a stream keeps at a snapshot, which holds up vacuum.
SNAPSHOTS = """SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
    AND backend_type = 'client backend' AND (backend_xmin IS NOT NULL OR state ^@ 'idle in')"""


@pytest.fixture(scope="module")
def tokens(own_stack: Stack) -> list[str]:
    """Tokens of two users."""
    own_stack.environment["DJANGO_SUPERUSER_USERNAME"] = "second"
    own_stack.environment["DJANGO_SUPERUSER_EMAIL"] = ""
    assert own_stack.manage("createsuperuser", "--noinput").returncode == 0
    runs = [
        own_stack.manage("issue_token", user, "--json")
        for user in (own_stack.superuser_name, "second")
    ]
    return [json.loads(run.stdout)["token"] for run in runs]


@pytest.fixture
def export(own_stack: Stack, bind: Callable[[int], list[Device]]) -> str:
    """The address of an export of 16 MB."""
    (device,) = bind(1)
    lines = "\n".join(f"{1_600_000_000_000 + 1000 * n},60.5" for n in range(LINES))
    assert device.upload(("hr", "hr.csv", lines.encode())).json()["files"][0]["new"] == LINES
    identity = device.whoami().json()["identity"]
    return f"/api/v1/series/{identity}/hr/samples"


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def staff_master(stack: Stack) -> int:
    assert stack.process is not None
    return child_named(stack.process.pid, "staff_wsgi")


def test_pages_answer_while_a_hundred_slow_readers_ask(
    own_stack: Stack, tokens: list[str], export: str, held: ExitStack
) -> None:
    readers = [SlowReader(own_stack, export, tokens[n % 2], held) for n in range(READERS)]
    for _ in range(5):
        for path in ("/livez", "/readyz", "/metrics", "/admin/login/"):
            assert own_stack.get_staff(path)[0] == 200
    heads = [reader.read_head() for reader in readers]
    assert sum(" 200 OK" in head for head in heads) == 4
    refused = [head for head in heads if " 429 " in head]
    assert len(refused) == READERS - 4
    assert all("too_many_streams" in head and "Retry-After: 10" in head for head in refused)
    with connect(own_stack) as session:
        assert fetch_value(session, SNAPSHOTS) == "0"
    held.close()
    wait_until(lambda: starts(own_stack, export, tokens[0]), "a free place")


def starts(stack: Stack, path: str, token: str) -> bool:
    with ExitStack() as held:
        return " 200 OK" in SlowReader(stack, path, token, held).read_head()


def test_a_reader_of_20_kb_a_second_is_not_cut_off(
    own_stack: Stack, tokens: list[str], export: str, held: ExitStack
) -> None:
    reader = SlowReader(own_stack, export, tokens[0], held)
    assert " 200 OK" in reader.read_head()
    # Longer than a request may take the staff service to answer, and than any time-out of nginx
    # while nothing is sent.
    assert reader.read_slowly(seconds=70, bytes_a_second=20_000) == 70 * 20_000
    assert reader.read_rest().endswith(LAST_CHUNK)


def test_a_reload_ends_streams_after_their_grace(
    own_stack: Stack, tokens: list[str], export: str, held: ExitStack
) -> None:
    reader = SlowReader(own_stack, export, tokens[0], held)
    assert " 200 OK" in reader.read_head()
    workers = descendants(staff_master(own_stack))
    os.kill(staff_master(own_stack), signal.SIGHUP)
    wait_until(lambda: not any(map(is_running, workers)), "the end of the former workers")
    # Cut off, and recognizably so: the last chunk of a whole response is empty.
    assert not reader.read_rest().endswith(LAST_CHUNK)
    assert own_stack.get_staff("/livez")[0] == 200


@contextmanager
def frozen_database(stack: Stack) -> Iterator[None]:
    """Stop PostgreSQL's processes, which then answer nothing and close nothing."""
    assert stack.process is not None
    processes = [
        pid
        for pid, command in descendants(stack.process.pid).items()
        if "postgres" in command.split(" ")[0]
    ]
    assert len(processes) > 3
    try:
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def test_a_frozen_database_is_reported(own_stack: Stack) -> None:
    with frozen_database(own_stack):
        for _ in range(2):
            status, _, text = own_stack.get_staff("/readyz")
            assert (status, json.loads(text)["checks"]["database"]) == (503, "no answer")
    wait_until(lambda: own_stack.get_staff("/readyz")[0] == 200, "the database")


def test_pages_are_503_while_the_database_is_frozen(own_stack: Stack, tokens: list[str]) -> None:
    """Each answers before the statement timeout, which a frozen server does not enforce."""
    browser = Browser(own_stack)
    browser.log_in(own_stack.superuser_name, own_stack.superuser_password)
    pages = ("/admin/", "/admin/identities/identity/", "/api/v1/identities")
    assert {browser.get(path).status_code for path in pages} == {200}
    with frozen_database(own_stack), ThreadPoolExecutor(12) as pool:
        # On open connections, then on new ones.
        for _ in range(2):
            for answer in pool.map(browser.get, pages * 4):
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
                assert "The database does not answer" in answer.text
                assert answer.elapsed.total_seconds() < STATEMENT_TIMEOUT_SECONDS
    wait_until(browser.is_in, "the database")
