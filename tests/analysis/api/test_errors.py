"""The analysis API: authentication, permissions and error responses."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from identities.access_tokens import AccessToken
from identities.models import Identity
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import (
    make_analyst,
    make_certificate,
    make_measurement,
    make_series,
    make_token,
)

START = 1_700_000_000_000
SAMPLES = "series/Ward3-07/hr/samples"
BUCKETS = "series/Ward3-07/hr/buckets"


def request(token: str | None, path: str = "series") -> object:
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    return Client(headers=headers).get(f"/api/v1/{path}")


def assert_problem(response: object, status: int, code: str) -> dict[str, object]:
    assert response.status_code == status  # type: ignore[attr-defined]
    assert response["Content-Type"] == "application/problem+json"  # type: ignore[index]
    problem: dict[str, object] = response.json()  # type: ignore[attr-defined]
    assert problem["type"] == f"urn:device-endpoint:{code}"
    assert problem["status"] == status
    assert {"title", "detail", "request_id"} <= problem.keys()
    return problem


def test_a_request_without_credentials_gets_401_and_the_scheme(db: None) -> None:
    response = request(None)
    assert "Bearer TOKEN" in str(assert_problem(response, 401, "not_authenticated")["detail"])
    assert response["WWW-Authenticate"].startswith("Bearer")  # type: ignore[index]


@pytest.mark.parametrize(
    "token", ["", "x", "dpat_" + "0" * 33, "dpsk_abc", "dpat_\x00", "ÿ", "dpat_" + "٣" * 33]
)
def test_a_malformed_token_is_401(db: None, token: str) -> None:
    assert_problem(request(token.encode().decode("latin-1")), 401, "not_authenticated")


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"revoked_at": timezone.now()},
    ],
)
def test_an_expired_or_revoked_token_is_401(db: None, change: dict[str, object]) -> None:
    token = make_token(make_analyst())
    assert request(token).status_code == 200  # type: ignore[attr-defined]
    AccessToken.objects.update(**change)
    assert_problem(request(token), 401, "not_authenticated")


def test_a_token_of_an_inactive_user_is_401(db: None) -> None:
    token = make_token(make_analyst())
    User.objects.update(is_active=False)
    assert_problem(request(token), 401, "not_authenticated")


def test_a_token_has_the_permissions_of_its_owner(ward: Identity) -> None:
    make_series(ward, "hr", {START: 70})
    stored = make_measurement(make_certificate(ward), b"x")
    user = User.objects.create_user("guest", is_staff=True)
    token = make_token(user)
    paths = {
        "view_sampleblock": ("series", SAMPLES, BUCKETS),
        "view_measurement": (f"measurements/{stored.pk}", f"measurements/{stored.pk}/content"),
    }
    for granted in paths:
        user.user_permissions.set([Permission.objects.get(codename=granted)])
        for needed, addresses in paths.items():
            for path in addresses:
                if needed == granted:
                    assert request(token, path).status_code == 200  # type: ignore[attr-defined]
                else:
                    assert_problem(request(token, path), 403, "permission_denied")


def test_an_admin_session_may_read(ward: Identity) -> None:
    make_series(ward, "hr", {START: 70})
    client = Client()
    client.force_login(make_analyst())
    assert client.get(f"/api/v1/{BUCKETS}").status_code == 200


@pytest.mark.parametrize("path", ["series/Ward3-07/ibi/samples", "series/nobody/hr/buckets",
                                  "series/a%00b/hr/samples", "series/Ward3-07/%00/samples",
                                  "series/%F0%9F%92%A9/hr/samples"])  # fmt: skip
def test_an_unknown_series_is_404(get: Get, ward: Identity, path: str) -> None:
    make_series(ward, "hr", {START: 70})
    assert_problem(get(path), 404, "unknown_series")


def test_an_unknown_measurement_is_404(get: Get) -> None:
    path = "measurements/00000000-0000-7000-8000-000000000000"
    assert_problem(get(path), 404, "unknown_measurement")
    assert_problem(get(f"{path}/content"), 404, "unknown_measurement")


@pytest.mark.parametrize("path", ["nothing", "measurements/5", "series/", "series/a"])
def test_an_unknown_path_is_404(get: Get, path: str) -> None:
    assert "/api/v1/docs" in str(assert_problem(get(path), 404, "not_found")["detail"])


@pytest.mark.parametrize(
    ("path", "query", "parameter"),
    [
        (SAMPLES, {"from": "soon"}, "from"),
        (SAMPLES, {"to": "\0"}, "to"),
        (SAMPLES, {"from": "2", "to": "1"}, "from"),
        (SAMPLES, {"format": "xml"}, "format"),
        (SAMPLES, {"form": "json"}, "form"),
        (SAMPLES, {"from": ["1", "2"]}, "from"),
        (BUCKETS, {"width": "0"}, "width"),
        (BUCKETS, {"width": "10001"}, "width"),
        (BUCKETS, {"width": "9" * 5000}, "width"),
        (BUCKETS, {"width": "١"}, "width"),
        ("series", {"after": "x"}, "after"),
        ("series", {"after": "x/\0"}, "after"),
        ("series", {"limit": "-1"}, "limit"),
        ("measurements/00000000-0000-7000-8000-000000000000", {"x": "y"}, "x"),
    ],
)
def test_an_invalid_parameter_is_400_and_named(
    get: Get, ward: Identity, path: str, query: dict[str, object], parameter: str
) -> None:
    make_series(ward, "hr", {START: 70})
    problem = assert_problem(get(path, **query), 400, "bad_parameter")
    assert problem["parameter"] == parameter
    assert parameter in str(problem["detail"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_only_reading_is_allowed(db: None, method: str) -> None:
    client = Client(headers={"authorization": f"Bearer {make_token(make_analyst())}"})
    response = client.generic(method, "/api/v1/series")
    assert_problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


def test_the_accept_header_is_ignored(get: Get, ward: Identity) -> None:
    client = Client(headers={"authorization": f"Bearer {make_token(make_analyst('b'))}"})
    for accept in ("text/csv", "application/xml", "x", "*/*;q=0"):
        assert client.get("/api/v1/series", headers={"accept": accept}).status_code == 200


def test_the_problem_has_the_request_id_of_the_proxy(db: None) -> None:
    response = Client().get("/api/v1/series", headers={"x-request-id": "0123456789abcdef"})
    assert response.json()["request_id"] == "0123456789abcdef"
    response = Client().get("/api/v1/series", headers={"x-request-id": "<script>\x85"})
    assert "<" not in response.json()["request_id"]
