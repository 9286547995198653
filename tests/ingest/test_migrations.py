"""Migrations: no database constraint between apps, and a filled database of every landed state."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey

from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.support.database import database_address
from tests.support.programs import run_program
from tests.support.stack import clean_environment

PROJECT = Path(__file__).resolve().parents[2]
DUMPS = sorted((PROJECT / "tests/data/migrations").glob("*.sql.gz"))

_CONSTRAINTS = """
SELECT conrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND confrelid = ANY(%s::regclass[])
"""


def test_other_apps_have_no_constraint_to_identities() -> None:
    targets = (Identity, DeviceCertificate)
    constrained = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, ForeignKey)
        and getattr(field, "db_constraint", True)
        and field.related_model in targets
        and field.related_model._meta.app_label != model._meta.app_label
    }
    assert constrained == set()


def test_the_database_has_no_constraint_to_identities(db: None) -> None:
    with connection.cursor() as cursor:
        for app in ("identities", "ingest"):
            tables = [model._meta.db_table for model in apps.get_app_config(app).get_models()]
            cursor.execute(_CONSTRAINTS, [tables])
            referring = {table for (table,) in cursor.fetchall()}
            assert all(table.startswith(f"{app}_") for table in referring), referring


@pytest.fixture
def restored(request: pytest.FixtureRequest, django_db_setup: None, live_db: None) -> Iterator[str]:
    """A database restored from the dump of the parameter, as a ``DATABASE_URL``."""
    dump = gzip.decompress(request.param.read_bytes()).decode()
    name = f"restored_{uuid.uuid4().hex[:12]}"
    address, _, _ = database_address().rpartition("/")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    with psycopg.connect(f"{address}/{name}", autocommit=True) as restoring:
        restoring.execute(dump.encode())
    yield f"{address}/{name}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("restored", DUMPS, indirect=True, ids=lambda path: path.name)
def test_a_filled_database_is_migrated_and_verified(restored: str, tmp_path: Path) -> None:
    environment = clean_environment(VAR_DIR=str(tmp_path), DATABASE_URL=restored)
    for arguments in (["migrate", "--noinput"], ["verify", "--json"]):
        run = run_program("manage.py", *arguments, environment=environment)
        assert run.returncode == 0, run.stdout + run.stderr
    verified = json.loads(run.stdout)
    assert verified["clean"]
    assert verified["samples"] > 9000
