"""What all tests share: a real PostgreSQL, the whole stack on request, and devices for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

from device_endpoint.env import read_text
from device_endpoint.supervisor.embedded_postgres import EmbeddedPostgres
from device_endpoint.supervisor.executables import postgres_folder
from device_endpoint.supervisor.process import Program
from tests.support.devices import Device
from tests.support.missing_tools import missing_tools
from tests.support.stack import Stack, database_address

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

LEFT_OUT = pytest.StashKey[dict[str, int]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine has not the programs for; say what runs in one process.

    Tests that empty the tables come first in every process (pytest-django sees to the order):
    the running stack's own rows must outlive them. So a file's tests that use the stack are a
    group of their own, which a process takes up after the others.
    """
    for item in items:
        live = {"stack", "live_db"} & set(getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name}{'-live' if live else ''}"))
    for mark in missing_tools():
        left_out = [item for item in items if item.get_closest_marker(mark)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
        config.stash.setdefault(LEFT_OUT, {})[mark] = len(left_out)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say in one line each what was left out, and what to install for it."""
    for mark, count in config.stash.get(LEFT_OUT, {}).items():
        if count:
            missing = missing_tools()[mark]
            terminalreporter.write_line(f"left out {count} tests ({mark}); missing: {missing}")


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """Start the PostgreSQL that the whole run uses, unless one is given."""
    if read_text("DATABASE_URL"):
        yield
        return
    var_dir = Path(settings.VAR_DIR)
    postgres = EmbeddedPostgres(var_dir, postgres_folder(), var_dir / "log" / "postgres.log")
    postgres.prepare()
    program = Program(postgres.spec())
    program.start()

    def still_running() -> None:
        assert program.is_running(), program.spec.log.read_text()

    postgres.wait_until_ready(still_running)
    yield
    program.send(program.spec.stop_signal)
    assert program.wait(program.spec.stop_seconds)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """Make the tests' own database whatever is run: pytest-django looks for its marks alone.

    Without a marked test in the run, ``live_db`` would open the database that is not for tests.
    """
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture
def live_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Open the database without a transaction: what the stack stores is seen, and stays.

    Tests that use it make identities with names of their own and compare before with after.
    """
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="session")
def stack(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Give nginx, both doors and the tests' database, started as ``manage.py up`` does it."""
    with django_db_blocker.unblock():
        # It looks once for devices that are late: what tests look at with a clock of their own
        # stays theirs.
        environment = {"DATABASE_URL": database_address(), "MONITORING_INTERVAL_SECONDS": "86400"}
    running = Stack(tmp_path_factory.mktemp("stack"), environment)
    running.start()
    yield running
    running.stop()
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture(autouse=True)
def superuser_of_the_stack(request: pytest.FixtureRequest) -> None:
    """See to it that the stack has the superuser it was started with, whoever emptied tables.

    In a thread of its own, since Django refuses queries where a browser's event loop runs.
    """
    if "stack" not in request.fixturenames:
        return
    running: Stack = request.getfixturevalue("stack")
    blocker: DjangoDbBlocker = request.getfixturevalue("django_db_blocker")

    def see_to_it() -> None:
        users = get_user_model().objects
        with blocker.unblock():
            if not users.filter(username=running.superuser_name).exists():
                users.create_superuser(running.superuser_name, password=running.superuser_password)
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(see_to_it).result()


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
