"""The pages on data list the existing paths, parameters, views, columns and tables."""

from __future__ import annotations

import re
from pathlib import Path

from django.apps import apps
from django.db import connection
from django.test import Client

PROJECT = Path(__file__).resolve().parents[2]
DATA = (PROJECT / "docs/reference/data.md").read_text()
DICTIONARY = (PROJECT / "docs/reference/data-dictionary.md").read_text()
# The views use it to read blocks; the page is for analysts.
INNER = {"block_times_us"}


def _rows(page: str, heading: str) -> list[list[str]]:
    table = page.partition(heading)[2].partition("\n\n")[0]
    return [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_paths_and_parameters_are_those_of_the_openapi_schema(db: None) -> None:
    documented = {}
    for cell, *_ in _rows(DATA, "| path | response |"):
        address, _, query = cell.strip("`").partition("?")
        documented[address] = sorted(name for name in re.split("=&?", query) if name)
    document = Client().get("/api/v1/schema").json()["paths"]
    assert documented == {
        f"{method.upper()} {path.removeprefix('/api/v1/')}": sorted(
            each["name"] for each in operation["parameters"] if each["in"] == "query"
        )
        for path, operations in document.items()
        if path != "/api/v1/"  # the index, in the text
        for method, operation in operations.items()
    }


def test_views_and_columns_are_those_of_the_database(db: None) -> None:
    documented = {
        _name(row[0]): _names(row[2]) for row in _rows(DICTIONARY, "| object of schema `analytics`")
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)"
            " FROM information_schema.columns WHERE table_schema = 'analytics' GROUP BY 1"
        )
        existing = dict(cursor.fetchall())
        cursor.execute(
            "SELECT proname, array_agg(name ORDER BY place) FROM pg_proc, LATERAL"
            " unnest(proargnames, proargmodes) WITH ORDINALITY AS arguments (name, mode, place)"
            " WHERE pronamespace = 'analytics'::regnamespace AND mode = 't' GROUP BY 1"
        )
        existing |= dict(cursor.fetchall())
    assert documented == {name: columns for name, columns in existing.items() if name not in INNER}


def _name(cell: str) -> str:
    return cell.strip("`").partition("(")[0]


def test_function_arguments_are_those_of_the_database(db: None) -> None:
    documented = re.findall(r"^\| `(\w+)\(([a-z, ]+)\)`", DICTIONARY, re.MULTILINE)
    with connection.cursor() as cursor:
        for function, arguments in documented:
            cursor.execute("SELECT proargnames FROM pg_proc WHERE proname = %s", [function])
            (names,) = cursor.fetchone() or ([],)
            wanted = [f"in_{name}" for name in arguments.split(", ")]
            assert names[: len(wanted)] == wanted
            assert not any(name.startswith("in_") for name in names[len(wanted) :])


def test_every_table_is_listed_and_no_other() -> None:
    tables = {
        model._meta.db_table
        for label in ("identities", "ingest", "alerts")
        for model in apps.get_app_config(label).get_models()
        if model._meta.managed and not model._meta.proxy
    }
    section = DATA.partition("## Tables")[2].partition("## SQL")[0]
    assert set(re.findall(r"`((?:identities|ingest|alerts)_\w+)`", section)) == tables
