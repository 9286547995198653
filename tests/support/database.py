"""The PostgreSQL of a test process and its databases.

The first process of a run that needs a database makes a cluster and migrates it; the others copy
it. Each process then has a cluster of its own with three databases: ``TEMPLATE`` is never opened
by a test, ``ROLLED_BACK`` serves the tests whose transaction is rolled back and so holds no rows
of theirs, ``LIVE`` serves the running installation and the tests that commit beside it. With
``TEST_CITUS`` the three are distributed databases of the cluster that it names.
"""

from __future__ import annotations

import fcntl
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from device_endpoint.supervisor.embedded_postgres import NAME as TEMPLATE
from device_endpoint.supervisor.embedded_postgres import EmbeddedPostgres
from device_endpoint.supervisor.executables import postgres_folder
from device_endpoint.supervisor.process import Program
from tests.support.citus import CitusNodes, databases_on

CITUS = CitusNodes.of_environment()
ROLLED_BACK = "test_device_endpoint"
LIVE = "live_device_endpoint"


@contextmanager
def running_cluster() -> Iterator[None]:
    """Run this process's PostgreSQL; Django's connection leads to ``ROLLED_BACK``."""
    if CITUS is not None:
        with databases_on(CITUS, TEMPLATE, (ROLLED_BACK, LIVE)):
            connections.settings["default"]["NAME"] = ROLLED_BACK
            yield
        return
    run_dir, var_dir = Path(settings.VAR_DIR).parent, Path(settings.VAR_DIR)
    postgres = EmbeddedPostgres(var_dir, postgres_folder(), var_dir / "log" / "postgres.log")
    with (run_dir / "cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        copy = run_dir / "cluster"
        if copy.exists():
            _copy(copy, postgres.data)
        else:
            with _running(postgres):
                _make_databases()
            _copy(postgres.data, copy)
    with _running(postgres):
        connections.settings["default"]["NAME"] = ROLLED_BACK
        yield
        connections.close_all()


@contextmanager
def connection_to(name: str) -> Iterator[None]:
    """Lead this process's connections to another database of the cluster."""
    options = connections.settings["default"]
    before = options["NAME"]
    connection.close()
    options["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        options["NAME"] = before


@contextmanager
def new_database(template: str = TEMPLATE) -> Iterator[str]:
    """Make a database from ``template``, give its name, and drop it."""
    name = f"own_{uuid.uuid4().hex[:12]}"
    if CITUS is not None:
        CITUS.copy(template, name)
        yield name
        CITUS.drop(name)
        return
    # The files are copied. By default each page goes through the log, for four times the work.
    execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield name
    execute(f"DROP DATABASE {name} WITH (FORCE)")


def database_address(name: str = LIVE) -> str:
    """Return a database of this process's cluster as a ``DATABASE_URL``."""
    if CITUS is not None:
        return CITUS.address(name)
    options = connections.settings["default"]
    user, host = quote(str(options["USER"]), safe=""), quote(str(options["HOST"]), safe="")
    return f"postgres://{user}@{host}/{name}"


def execute(statement: str) -> None:
    """Execute a statement outside any transaction, connected to none of the tests' databases."""
    with psycopg.connect(database_address("postgres"), autocommit=True) as session:
        session.execute(statement.encode())


@contextmanager
def _running(postgres: EmbeddedPostgres) -> Iterator[None]:
    postgres.prepare()
    program = Program(postgres.spec())
    program.start()

    def check_running() -> None:
        assert program.is_running(), program.spec.log.read_text()

    postgres.wait_until_ready(check_running)
    yield
    program.send(program.spec.stop_signal)
    assert program.wait(program.spec.stop_seconds)


def _make_databases() -> None:
    call_command("migrate", interactive=False, verbosity=0)
    connection.close()
    for name in (ROLLED_BACK, LIVE):
        execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")


def _copy(source: Path, target: Path) -> None:
    """Copy a cluster with its owners and modes; ``target`` appears only when it is complete."""
    draft = target.with_name(f"{target.name}.new")
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(draft)], check=True)
    draft.rename(target)
