"""``/readyz`` answers 503 and names the failed checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_device_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the check of the device API to a missing socket."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))


def checks(client: Client) -> dict[str, str]:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    found: dict[str, str] = answer.json()["checks"]
    return found


def test_a_stopped_device_service_is_named(client: Client) -> None:
    assert checks(client)["device_api"] == "no answer"


def test_a_missing_superuser_is_named(client: Client) -> None:
    User.objects.filter(is_superuser=True).delete()
    assert checks(client)["superuser"] == "none yet"
    User.objects.create_superuser("first", password="a password")
    assert checks(client)["superuser"] == "ok"


def test_an_unapplied_migration_is_named(client: Client) -> None:
    assert checks(client)["migrations"] == "ok"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    assert checks(client)["migrations"] == "not applied: sessions.0001_initial"


def test_a_database_that_may_lose_commits_is_named(client: Client, settings: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    assert "synchronous_commit" in checks(client)["durability"]
    settings.DURABILITY_CHECK = "warn"
    assert checks(client)["durability"] == "ok"


def test_head_and_get_are_the_only_methods(client: Client) -> None:
    assert client.head("/readyz").status_code == 503
    assert client.head("/livez").status_code == 200
    assert client.post("/readyz").status_code == 405
