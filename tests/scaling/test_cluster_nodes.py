"""What is asked of every node of a cluster: durability, disk, version, and the changes feed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError

from device_endpoint.env import PROJECT_DIR
from identities.cluster import LOCK_TURN
from identities.management.base import explain
from ingest.maintenance.citus import DISTRIBUTED_TABLES
from tests.scaling.conftest import CITUS_STUB, Database
from tests.support.database import database_address, new_database

REFUSED = [
    "UPDATE ingest_devicecertificate c SET label = '' FROM (SELECT r.certificate_id AS id"
    " FROM ingest_certificatereassignment r) old WHERE old.id = c.id",
    "DELETE FROM ingest_registrationattempt WHERE identity_id = 1 OR sha256 IN"
    " (SELECT c.sha256 FROM ingest_devicecertificate c)",
]
PASSED = [
    "UPDATE ingest_devicecertificate SET label = 'from ingest_withdrawal' WHERE id = 1",
    "DELETE FROM ingest_registrationattempt WHERE identity_id = 1 OR sha256 = ANY('{}'::bytea[])",
    "DELETE FROM ingest_withdrawal w USING ingest_measurement m WHERE m.id = w.measurement_id",
]


@pytest.fixture(scope="module")
def distributed_template(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Yield the name of a distributed database, to be copied."""
    with new_database() as name:
        database = Database(database_address(name), tmp_path_factory.mktemp("template"))
        database.execute(CITUS_STUB)
        run = database.manage("distribute")
        assert run.returncode == 0, run.stderr
        database.execute("SELECT watch_statements()")
        yield name


@pytest.fixture
def distributed(distributed_template: str, tmp_path: Path) -> Iterator[Database]:
    with new_database(distributed_template) as name:
        yield Database(database_address(name), tmp_path / "var")


def checks_of(database: Database) -> dict[str, dict[str, str]]:
    run = database.manage("doctor", "--json")
    return {check["name"]: check for check in json.loads(run.stdout)["checks"]}


def answer(
    database: Database, statement: str, result: str | None, success: bool | None = True
) -> None:
    """Let worker-2 answer statements like ``statement`` with ``result``."""
    with psycopg.connect(database.url, autocommit=True) as session:
        session.execute(
            "INSERT INTO stub_answers VALUES (3, %s, %s, %s)", [statement, success, result]
        )


def test_the_stub_refuses_what_citus_refuses(distributed: Database) -> None:
    for statement in REFUSED:
        with pytest.raises(psycopg.errors.RaiseException):
            distributed.execute(statement)
    for statement in PASSED:
        distributed.execute(statement)


def test_doctor_asks_every_node(distributed: Database) -> None:
    checks = checks_of(distributed)
    assert checks["nodes"]["level"] == "ok"
    assert checks["durability"]["level"] == "ok"
    assert "coordinator:5432, worker-1:5432, worker-2:5432" in checks["node versions"]["text"]
    answer(distributed, "%fsync%", "synchronous_commit")
    answer(distributed, "%extversion%", "PostgreSQL 14, Citus 11.3")
    answer(distributed, "%disk%", "1000")
    checks = checks_of(distributed)
    assert checks["durability"]["level"] == "FAIL"
    assert "synchronous_commit on worker-2:5432" in checks["durability"]["text"]
    assert checks["node versions"]["level"] == "FAIL"
    assert "worker-2:5432: disk nearly full" in checks["nodes"]["text"]


def test_a_node_that_is_away_is_named(distributed: Database) -> None:
    answer(distributed, "%", "connection refused", success=False)
    nodes = checks_of(distributed)["nodes"]
    assert (nodes["level"], "worker-2:5432: no answer" in nodes["text"]) == ("FAIL", True)


def test_a_frozen_node_is_named_and_the_others_are_not(distributed: Database) -> None:
    answer(distributed, "%", None, success=None)
    assert checks_of(distributed)["nodes"]["text"] == "worker-2:5432: no answer"


def test_an_upload_waits_seconds_for_a_node(distributed: Database) -> None:
    script = (
        "from ingest.storage import cluster; cluster.limit_sessions()\n"
        "from django.db import connection as c; k = c.cursor(); k.execute('SHOW statement_timeout')"
        "\nprint(k.fetchone()[0], c.connection.limit_seconds)"
    )
    assert distributed.manage("shell", "-v0", "-c", script).stdout == "3500ms 4.0\n"


# The coordinator that waits for a frozen node sends nothing, as does this frozen session.
WITHOUT_ANSWER = """
import os, signal
from django.db import connection, transaction
from ingest.storage import cluster, durability_check, prepared_statements, transactions

def execute_prepared():
    return prepared_statements.execute(ONE, [])

def query():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")

def commit():
    with transaction.atomic():
        query()
        freeze()

def freeze():
    frozen.append(connection.connection.info.backend_pid)
    os.kill(frozen[-1], signal.SIGSTOP)

def attempt(work):
    attempts.append(work)
    return work()

ONE = prepared_statements.Statement("one", "SELECT 1", ())
cluster.limit_sessions()
cluster.UPLOAD_LIMIT_SECONDS = 0.5
frozen = []
try:
    for work in (execute_prepared, query, commit):
        transactions.run_with_retry(execute_prepared)
        if work is not commit:
            freeze()
        attempts = []
        try:
            transactions.run_with_retry(lambda: attempt(work))
            print("answered")
        except transactions.DatabaseUnavailable:
            print("given up after", len(attempts), "attempt")
    try:
        durability_check.ensure_all_nodes_answer()
        print("all nodes answer")
    except transactions.DatabaseUnavailable as error:
        print(error)
finally:
    for process in frozen:
        os.kill(process, signal.SIGCONT)
"""


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_statement_without_answer_is_given_up(distributed: Database, is_silent: bool) -> None:
    if is_silent:
        answer(distributed, "%", None, success=None)
    run = distributed.manage("shell", "-v0", "-c", WITHOUT_ANSWER)
    given_up = "given up after 1 attempt\n" * 3
    last = "A part of the database does not answer: nothing is stored."
    assert run.stdout == f"{given_up}{last if is_silent else 'all nodes answer'}\n", run.stderr


def test_without_citus_sessions_have_no_limit(database: Database) -> None:
    script = (
        "from ingest.storage import cluster; cluster.limit_sessions()\n"
        "from django.db import connection as c; k = c.cursor(); k.execute('SHOW statement_timeout')"
        "\nprint(k.fetchone()[0], type(c.connection).__module__)"
    )
    assert database.manage("shell", "-v0", "-c", script).stdout == "20s psycopg\n"


def test_an_upload_to_a_node_that_was_silent_is_refused_at_once(distributed: Database) -> None:
    script = (
        "from ingest.storage import cluster, durability_check, transactions\n"
        "cluster.ask_all_nodes(\"SELECT 'here'\")\n"
        "try: durability_check.ensure_node_answers(1); print('stored')\n"
        "except transactions.DatabaseUnavailable as error: print(error.retry_after)\n"
    )
    assert distributed.manage("shell", "-v0", "-c", script).stdout == "stored\n"
    answer(distributed, "%", None, success=None)
    assert distributed.manage("shell", "-v0", "-c", script).stdout == "60\n"


# Two that lock identities at the same moment would deadlock on a cluster.
LOCKS = """
from django.db import connection, transaction
from identities.models import lock_identities
with transaction.atomic():
    lock_identities([1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                       " AND objsubid = 2 AND pid = pg_backend_pid()")
        print(cursor.fetchone()[0])
"""


def test_those_who_lock_identities_take_turns_on_a_cluster(
    distributed: Database, database: Database
) -> None:
    definition = "SELECT pg_get_functiondef('ingest_register_new'::regproc)"
    for each, turns in ((distributed, 1), (database, 0)):
        run = each.manage("shell", "-v0", "-c", LOCKS)
        assert run.stdout == f"{turns}\n", run.stderr
        ((text,),) = each.execute(definition)
        assert str(text).count(f"PERFORM {LOCK_TURN}") == turns


def test_without_citus_no_node_is_asked(database: Database) -> None:
    checks = checks_of(database)
    assert "nodes" not in checks
    assert "node versions" not in checks


def test_no_select_from_a_distributed_table_is_empty() -> None:
    """Citus passes a sub-select without columns on as a syntax error."""
    empty = re.compile(rf"SELECT\s+FROM\s+({'|'.join(DISTRIBUTED_TABLES)})\b")
    for app in ("ingest", "alerts", "analysis", "device_endpoint"):
        for path in (PROJECT_DIR / app).rglob("*.py"):
            assert not empty.search(path.read_text()), path


def test_an_error_of_a_node_names_the_node() -> None:
    error = OperationalError(
        "connection to the remote node device@worker-2:5432 failed with the following error: "
        "Connection refused"
    )
    message = explain(error)
    assert message is not None
    assert "worker-2:5432" in message
    assert "make up" not in message


def test_the_feed_waits_for_the_nodes(distributed: Database) -> None:
    column = "SELECT column_default, is_generated FROM information_schema.columns"
    where = "WHERE table_name = 'ingest_measurement' AND column_name = 'transaction'"
    ((default, generated),) = distributed.execute(f"{column} {where}")
    assert ("pg_current_xact_id" in str(default), generated) == (True, "NEVER")
    script = "from analysis.queries import feed_cursor; print(feed_cursor.read_state().horizon)"
    assert int(distributed.manage("shell", "-v0", "-c", script).stdout) > 0
    answer(distributed, "%pg_locks%", "1")  # a transaction of worker-2 does not end
    assert int(distributed.manage("shell", "-v0", "-c", script).stdout) == 0
