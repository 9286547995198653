"""Access to ``/metrics``: tokens with the permission, and this machine."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.analysis.queries.factories import make_analyst, make_token

pytestmark = pytest.mark.django_db
OTHER_MACHINE = "203.0.113.9"


def _get(address: str | None, token: str | None = None) -> tuple[int, str]:
    headers = {} if address is None else {"x-real-ip": address}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    answer = Client(headers=headers).get("/metrics")
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"].startswith("Bearer ")
    assert "no-store" in answer["Cache-Control"]
    return answer.status_code, answer.content.decode()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_needs_no_token(address: str) -> None:
    status, text = _get(address)
    assert status == 200
    assert "device_endpoint_certificates{" in text


@pytest.mark.parametrize(
    "address", [OTHER_MACHINE, "10.0.0.1", "2001:db8::1", "", "localhost", None]
)
def test_other_machines_need_a_token(address: str | None) -> None:
    status, text = _get(address)
    assert status == 401
    assert "device_endpoint_" not in text


def test_a_token_with_the_permission_is_accepted() -> None:
    assert _get(OTHER_MACHINE, make_token(make_analyst()))[0] == 200


def test_a_token_without_the_permission_is_refused() -> None:
    nobody = User.objects.create_user("nobody", is_staff=True)
    assert _get(OTHER_MACHINE, make_token(nobody))[0] == 403
    assert _get("127.0.0.1", make_token(nobody))[0] == 403


def test_an_invalid_token_is_refused_from_everywhere() -> None:
    for address in (OTHER_MACHINE, "127.0.0.1"):
        assert _get(address, "detk_wrong")[0] == 401


def test_a_browser_session_is_not_accepted() -> None:
    client = Client(headers={"x-real-ip": OTHER_MACHINE})
    client.force_login(make_analyst("someone"))
    assert client.get("/metrics").status_code == 401


def test_post_is_not_allowed() -> None:
    assert Client(headers={"x-real-ip": "127.0.0.1"}).post("/metrics").status_code == 405
