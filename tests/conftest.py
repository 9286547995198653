"""What all tests share: a real PostgreSQL, the whole stack on request, and devices for it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.contrib.auth import get_user_model
from pytest_django import DjangoDbBlocker

from tests.support.database import (
    LIVE,
    connection_to,
    database_address,
    new_database,
    running_cluster,
)
from tests.support.devices import Device
from tests.support.examples import IS_LONG_RUN, bounded
from tests.support.missing_tools import missing_tools
from tests.support.real_clients import RealClient, list_missing
from tests.support.stack import Stack

# How long an example takes is the machine's affair. `make test` tries the same examples each time,
# so that a change fails for what it brings; `make test-all` tries new ones.
hypothesis.settings.register_profile(
    "project", deadline=None, max_examples=bounded(200), derandomize=not IS_LONG_RUN
)
hypothesis.settings.load_profile("project")

LEFT_OUT = pytest.StashKey[dict[str, int]]()
# A process that begins one of these last keeps the others waiting.
LONGEST = (
    "analysis/queries/test_every_number.py",
    "device_endpoint/test_up.py",
    "ingest/registration/test_renewal_states.py",
    "scaling/test_cluster_nodes.py",
    "security/test_doctor.py",
    "security/test_roles.py",
    "security/test_study_wall.py",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Refuse tests of two databases; deselect those whose programs are missing here.

    The others get their random order, but for ``LONGEST``.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        rolled_back = "db" in fixtures or item.get_closest_marker("django_db")
        if rolled_back and fixtures & {"live_db", "own_db"}:
            raise pytest.UsageError(f"{item.nodeid} opens two databases")
        if "transactional_db" in fixtures or _flushes(item):
            raise pytest.UsageError(f"{item.nodeid} would empty the tables of others: use own_db")
    yield  # -m and -k deselect: what they leave out is not missing
    for mark in missing_tools():
        _leave_out(config, items, mark, [x for x in items if x.get_closest_marker(mark)])
    for name in list_missing():
        _leave_out(config, items, name, [x for x in items if _client_of(x) == name])
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))


def pytest_collection_finish() -> None:
    """Exempt what is loaded now from garbage collection, which would walk it again and again."""
    gc.collect()
    gc.freeze()


def _leave_out(
    config: pytest.Config, items: list[pytest.Item], reason: str, left_out: list[pytest.Item]
) -> None:
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    config.stash.setdefault(LEFT_OUT, {})[reason] = len(left_out)


def _client_of(item: pytest.Item) -> str:
    """Return the name of the real client that a test runs, "" if it runs none."""
    client = getattr(getattr(item, "callspec", None), "params", {}).get("program")
    return client.name if isinstance(client, RealClient) else ""


def _flushes(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("django_db")
    return mark is not None and bool(mark.kwargs.get("transaction"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send what a process of a parallel run has left out to the process that prints the summary."""
    if isinstance(output := getattr(session.config, "workeroutput", None), dict):
        output["left_out"] = session.config.stash.get(LEFT_OUT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Receive it; each process collects the same tests."""
    left_out = getattr(node, "workeroutput", {}).get("left_out", {})
    node.config.stash.setdefault(LEFT_OUT, {}).update(left_out)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what was deselected, and what to install for it."""
    missing = missing_tools() | {name: ", ".join(found) for name, found in list_missing().items()}
    for reason, count in config.stash.get(LEFT_OUT, {}).items():
        if count:
            terminalreporter.write_line(
                f"left out {count} tests ({reason}); missing: {missing[reason]}"
            )


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Run the PostgreSQL of this test process."""
    with ExitStack() as cluster:
        with django_db_blocker.unblock():
            cluster.enter_context(running_cluster())
        yield


@pytest.fixture
def live_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Open the database of the running installation; what the test commits stays in it.

    Tests that use it make identities with unique names and compare before with after.
    """
    with django_db_blocker.unblock(), connection_to(LIVE):
        yield


@pytest.fixture
def own_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Open a new database for this test, which may commit and use several connections."""
    with django_db_blocker.unblock(), new_database() as name, connection_to(name):
        yield


@pytest.fixture(scope="session")
def stack(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Run nginx and both services on the live database, started as ``manage.py up`` does."""
    environment = {
        "DATABASE_URL": database_address(),
        "DEVICE_WORKERS": "2",
        "STAFF_WORKERS": "2" if IS_LONG_RUN else "1",
        "LOG_FORMAT": "json",
        # Monitoring runs once at the start; later runs belong to the tests, with their own clock.
        "MONITORING_INTERVAL_SECONDS": "86400",
    }
    running = Stack(tmp_path_factory.mktemp("stack"), environment)
    running.start()
    with django_db_blocker.unblock(), connection_to(LIVE):
        _ensure_superuser(running)
    yield running
    assert running.stop() == 0


def _ensure_superuser(running: Stack) -> None:
    """Make the superuser, whom ``up`` does not make where an earlier test has left another one."""
    users = get_user_model()._default_manager
    if not users.filter(username=running.superuser_name).exists():
        users.create_superuser(running.superuser_name, "", running.superuser_password)


@pytest.fixture
def make_device(stack: Stack, tmp_path: Path) -> Iterator[Callable[..., Device]]:
    """Give a function that makes a device with a certificate of its own."""
    made: list[Device] = []

    def make(**certificate: object) -> Device:
        folder = tmp_path / f"device-{len(made)}-{time.monotonic_ns()}"
        device = Device(stack.device_url, stack.ca_file, folder, **certificate)  # type: ignore[arg-type]
        made.append(device)
        return device

    yield make
    for device in made:
        device.close()


@pytest.fixture
def device(make_device: Callable[..., Device]) -> Device:
    """Give a device that nobody knows yet."""
    return make_device()
