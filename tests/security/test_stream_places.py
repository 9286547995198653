"""Exports have a bounded number of places; without a free one the answer is 429 at once."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from identities.audit.models import AuditEvent
from tests.analysis.queries.factories import make_token
from tests.security.populated_site import World, make

API = "/api/v1/series/bed-12/hr/samples"


@pytest.fixture
def world(db: None) -> World:
    return make()


@pytest.fixture
def occupy(settings: Settings, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Give a function that takes a place as another process would."""
    settings.STREAM_PLACES_DIR = tmp_path
    taken = []

    def take(name: str) -> None:
        file = (tmp_path / name).open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        taken.append(file)

    yield take
    for file in taken:
        file.close()


def content_of(world: World) -> str:
    return f"/admin/ingest/measurement/{world.rows['ingest.measurement'].pk}/content/"


def body_of(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def test_exports_beyond_the_places_of_all_are_429(
    admin: Client, world: World, occupy: Callable[[str], None], settings: Settings
) -> None:
    for number in range(settings.MAX_STREAMS):
        occupy(f"all.{number}")
    before = AuditEvent.objects.filter(action="export").count()
    problem = admin.get(API)
    assert (problem.status_code, problem["Retry-After"]) == (429, "10")
    assert problem["Content-Type"] == "application/problem+json"
    assert problem.json()["type"] == "urn:device-endpoint:too_many_streams"
    page = admin.get(content_of(world))
    assert (page.status_code, page["Retry-After"]) == (429, "10")
    assert "As many downloads as run at once" in page.content.decode()
    assert AuditEvent.objects.filter(action="export").count() == before
    assert admin.get("/admin/").status_code == 200


def test_exports_beyond_the_places_of_a_user_are_429(
    admin: Client, world: World, occupy: Callable[[str], None]
) -> None:
    user = User.objects.get(username="some-superuser")
    occupy(f"user-{user.pk}.0")
    assert admin.get(API).getvalue().startswith(b"time_ms,value")
    occupy(f"user-{user.pk}.1")
    assert "Your account is receiving 2 downloads" in admin.get(API).json()["detail"]
    # A token counts as its user, another user has places of their own.
    other = make_token(User.objects.create_superuser("other"))
    by_token = {"Authorization": f"Bearer {make_token(user)}"}
    assert Client().get(API, headers=by_token).status_code == 429
    assert Client().get(API, headers={"Authorization": f"Bearer {other}"}).status_code == 200


def test_a_place_is_free_once_the_response_is_over(
    admin: Client, world: World, occupy: Callable[[str], None], settings: Settings
) -> None:
    settings.MAX_STREAMS = settings.MAX_STREAMS_PER_USER = 1
    for _ in range(3):
        answer = admin.get(API)
        assert answer.status_code == 200
        assert answer.getvalue().startswith(b"time_ms,value")
    place = (settings.STREAM_PLACES_DIR / "all.0").open("r+")
    fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    place.close()


def test_head_reads_nothing_of_an_export(
    admin: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server would read the whole response, and hold its place, without sending a byte."""
    # The test client drops the body of such a response, which no server does.
    monkeypatch.setattr("django.test.client.conditional_content_removal", lambda _, found: found)
    assert body_of(admin.head(API)) == b""
    assert body_of(admin.get(API)).startswith(b"time_ms,value\n")


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/"])
def test_a_database_that_is_away_is_503_with_a_request_id(
    admin: Client, world: World, path: str
) -> None:
    def refuse(*arguments: object) -> None:
        raise OperationalError("connection refused")

    admin.raise_request_exception = False
    with connection.execute_wrapper(refuse):
        answer = admin.post(path, {"username": "x", "password": "y"})
    page = answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert answer.wsgi_request.META["HTTP_X_REQUEST_ID"] in page
    assert "The database does not answer" in page


def test_a_fault_of_the_program_has_a_page_with_a_request_id(admin: Client, world: World) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError

    admin.raise_request_exception = False
    with connection.execute_wrapper(fail):
        answer = admin.get("/admin/")
    assert answer.status_code == 500
    assert answer.wsgi_request.META["HTTP_X_REQUEST_ID"] in answer.content.decode()
