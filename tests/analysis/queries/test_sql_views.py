"""The read-only role can query the schema ``analytics`` and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import Error

from device_endpoint.env import PROJECT_DIR
from identities.models import Identity
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series

ROLE = "analysts_test_reader"
START = 1_700_006_400_000
DASHBOARD = json.loads((PROJECT_DIR / "deploy/grafana/analyst.json").read_text())
STATEMENTS = [target["rawSql"] for panel in DASHBOARD["panels"] for target in panel["targets"]] + [
    each["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"
]


@pytest.fixture
def role(role_db: None, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The role as the command makes it; gone with the test's transaction or database."""
    call_command("create_readonly_role", ROLE, "--json")
    document: dict[str, str] = json.loads(capsys.readouterr().out)
    return document


@pytest.fixture
def reader(role: dict[str, str]) -> Iterator[Any]:
    """A cursor that acts as the role."""
    ward = Identity.objects.create(name="Ward3-07")
    make_series(ward, "hr", {START + 1000 * place: 60 + place for place in range(100)}, 2)
    make_measurement(make_certificate(ward), b"x", first_ms=START, last_ms=START + 99_000)
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {ROLE}")
        cursor.execute("SET search_path = analytics")  # as a login of the role has it
        yield cursor
        cursor.execute("RESET ROLE")
        cursor.execute("RESET search_path")


def filled_in(statement: str) -> str:
    """Return a statement as Grafana sends it."""
    ends = {"$__timeFrom()": "'2023-11-15T00:00:00Z'", "$__timeTo()": "'2023-11-16T00:00:00Z'"}
    for macro, value in ends.items():
        statement = statement.replace(macro, value)
    statement = statement.replace("$__interval", "30s").replace("$identity", "Ward3-07")
    statement = statement.replace("$name", "hr")
    assert "$" not in statement
    return statement


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_query_of_the_dashboard_runs_as_the_role(reader: Any, statement: str) -> None:
    reader.execute(filled_in(statement))
    rows = reader.fetchall()
    assert rows or "FROM files" in statement


def test_buckets_are_those_of_the_samples(reader: Any) -> None:
    ends = "'Ward3-07', 'hr', '2023-11-15T00:00:05Z', '2023-11-15T00:01:30Z'"
    reader.execute(f"SELECT * FROM analytics.buckets_between({ends}, '30 s')")  # noqa: S608
    found = [(row[1], row[2], row[3], row[4]) for row in reader.fetchall()]
    assert found == [(65, 89, 77, 25), (90, 119, 104.5, 30), (120, 149, 134.5, 30)]
    reader.execute(f"SELECT count(*), min(value) FROM analytics.samples_between({ends})")  # noqa: S608
    assert reader.fetchone() == (85, 65)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM ingest_sampleblock",
        "SELECT * FROM identities_presharedkey",
        "SELECT * FROM auth_user",
        "DELETE FROM analytics.samples",
        "UPDATE analytics.identities SET description = 'x'",
        "CREATE TABLE analytics.mine (x int)",
        "CREATE TABLE public.mine (x int)",
    ],
)
def test_the_role_cannot_read_or_write_anything_else(reader: Any, statement: str) -> None:
    with pytest.raises(Error), transaction.atomic():
        reader.execute(statement)


def test_the_role_is_bounded(role: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolcanlogin, rolsuper, rolconnlimit, rolconfig FROM pg_roles"
            " WHERE rolname = %s",
            [ROLE],
        )
        can_login, is_super, limit, settings = cursor.fetchone()
    assert (can_login, is_super, limit) == (True, False, 20)
    assert {"statement_timeout=30000", "default_transaction_read_only=on"} <= set(settings)


def test_only_a_verifier_of_the_password_is_stored(role: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [ROLE])
        (stored,) = cursor.fetchone()
    assert re.match(r"SCRAM-SHA-256\$", stored)
    assert role["password"] not in stored
    assert psycopg.conninfo.make_conninfo(dbname=role["database"])


def test_a_role_is_replaced_only_with_the_option(role: dict[str, str]) -> None:
    with pytest.raises(CommandError, match="--replace"):
        call_command("create_readonly_role", ROLE)
    call_command("create_readonly_role", ROLE, "--replace", "--statement-timeout", "5s")


@pytest.mark.parametrize("name", ["pg_reader", "Reader", 'x"; DROP TABLE y; --', ""])
def test_invalid_role_names_are_rejected(role_db: None, name: str) -> None:
    with pytest.raises(CommandError):
        call_command("create_readonly_role", name)


@pytest.mark.parametrize("condition", [
    "time >= '2023-11-14'",
    's."time" BETWEEN \'2023-11-14\' AND \'2023-11-15\'',
    "'2023-11-14' < s.time",
])  # fmt: skip
def test_samples_refuse_a_filter_on_time_alone(reader: Any, condition: str) -> None:
    statement = "SELECT count(*) FROM analytics.samples s WHERE " + condition  # noqa: S608 - above
    wanted = r"samples_between\(identity, name, from, to\)"
    with pytest.raises(Error, match=wanted), transaction.atomic():
        reader.execute(statement)


@pytest.mark.parametrize("statement", [
    "SELECT count(*) FROM analytics.samples WHERE time >= '2023-11-14' AND time < '2024-01-01' "
    "AND block_last >= '2023-11-14' AND block_first < '2024-01-01'",
    "SELECT count(time) FROM analytics.samples WHERE identity = 'Ward3-07' AND name = 'hr'",
])  # fmt: skip
def test_other_filters_of_samples_are_accepted(reader: Any, statement: str) -> None:
    reader.execute(statement)
    assert reader.fetchone() == (100,)
