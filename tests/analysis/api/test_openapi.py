"""The OpenAPI document is complete and valid, and the responses conform to it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from analysis.api.urls import urlpatterns
from identities.models import Identity
from tests.analysis.queries.factories import (
    make_analyst,
    make_certificate,
    make_measurement,
    make_series,
    make_token,
)
from tests.support.examples import bounded

START = 1_700_000_000_000


def read_document() -> dict[str, object]:
    document: dict[str, object] = Client().get("/api/v1/schema").json()
    return document


def test_the_document_is_valid_and_needs_no_token(db: None) -> None:
    validate_schema(read_document())  # type: ignore[no-untyped-call]


def test_every_path_is_documented(db: None) -> None:
    described = set(read_document()["paths"])  # type: ignore[call-overload]
    addresses = [str(each.pattern) for each in urlpatterns if str(each.pattern)]
    plain = {f"/api/v1/{re.sub('<[a-z]+:', '{', address)}" for address in addresses}
    expected = {address.replace(">", "}") for address in plain} | {"/api/v1/"}
    assert expected - {"/api/v1/schema", "/api/v1/docs"} == described


@pytest.fixture
def application(db: None) -> Iterator[WSGIHandler]:
    """The staff site's WSGI application, which keeps the test's transaction open."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.parametrize("path", [
    "/api/v1/",
    "/api/v1/identities",
    "/api/v1/measurements",
    "/api/v1/series",
    "/api/v1/series/{identity}/{name}/samples",
    "/api/v1/series/{identity}/{name}/buckets",
    "/api/v1/measurements/{id}",
    "/api/v1/measurements/{id}/content",
])  # fmt: skip
def test_responses_conform_to_the_document(
    application: WSGIHandler, ward: Identity, path: str
) -> None:
    make_series(ward, "hr", {START: 70, START + 5_000_000: 71})
    make_measurement(make_certificate(ward), b"x")
    token = make_token(make_analyst())
    document = schemathesis.openapi.from_wsgi("/api/v1/schema", application)

    @settings(max_examples=bounded(40), deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path]["GET"].as_strategy())
    def send(case: schemathesis.Case[Any]) -> None:
        # OpenAPI cannot express that `from` must not be later than `to`.
        case.call_and_validate(
            headers={"Authorization": f"Bearer {token}"}, excluded_checks=[positive_data_acceptance]
        )

    send()


def test_an_answer_of_each_path_conforms(application: WSGIHandler, ward: Identity) -> None:
    make_series(ward, "hr", {START: 70, START + 5_000_000: 71})
    file = make_measurement(make_certificate(ward), b"x", first_ms=START, last_ms=START)
    headers = {"Authorization": f"Bearer {make_token(make_analyst())}"}
    document = schemathesis.openapi.from_wsgi("/api/v1/schema", application)
    for path in document.raw_schema["paths"]:
        names = {"identity": ward.name, "name": "hr", "id": str(file.pk)}
        given = {name: names[name] for name in re.findall(r"{(\w+)}", path)}
        query = {"series": f"{ward.name}/hr"} if path == "/api/v1/archive" else {}
        case = document[path]["GET"].Case(path_parameters=given, query=query, headers=headers)
        answer = case.call()
        assert answer.status_code == 200, path
        case.validate_response(answer)
