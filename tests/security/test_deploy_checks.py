"""``manage.py check --deploy`` reports every installation mistake with an id and a hint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as shipped
from django.core.checks import run_checks

POLICY = {"DIRECTIVES": {"default-src": ["'none'"], "script-src": ["'self'", "'unsafe-inline'"]}}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("E001", {"PROXY_SECRET": "short"}),
    ("W001", {"PROXY_SECRET": shipped.SECRET_KEY}),
    ("W003", {"SESSION_COOKIE_SECURE": False}),
    ("W003", {"CSRF_COOKIE_HTTPONLY": False}),
    ("W003", {"SESSION_COOKIE_SAMESITE": "Lax"}),
    ("W003", {"SESSION_COOKIE_DOMAIN": "example.org"}),
    ("W004", {"SESSION_COOKIE_NAME": "sessionid"}),
    ("W004", {"CSRF_COOKIE_NAME": "__Host-csrf"}),
    ("W005", {"SESSION_COOKIE_AGE": 14 * 86_400}),
    ("W005", {"SESSION_EXPIRE_AT_BROWSER_CLOSE": False}),
    ("W006", {"SECURE_PROXY_SSL_HEADER": None}),
    ("W007", {"PUBLIC_HOST": "example.org", "HSTS_SECONDS": 0}),
    ("W008", {"CONTENT_SECURITY_POLICY": POLICY}),
    ("E002", {"MIDDLEWARE": [one for one in shipped.MIDDLEWARE if "axes" not in one]}),
    ("E002", {"MIDDLEWARE": [one for one in shipped.MIDDLEWARE if "audit" not in one]}),
    ("E003", {"AUTHENTICATION_BACKENDS": shipped.AUTHENTICATION_BACKENDS[::-1]}),
    ("W009", {"LISTEN": ["192.0.2.1"]}),
    ("W009", {"LISTEN": ["127.0.0.1", "[::]"]}),
    ("W010", {"ALLOWED_HOSTS": ["*"]}),
    ("I001", {"LISTEN": ["192.0.2.1"], "PUBLIC_HOST": "example.org"}),
    ("E004", {"DEVICE_CA": "there/is/none.pem"}),
    ("W012", {"ACCEPT_EXPIRED_CERTIFICATES": True}),
    ("W013", {"DURABILITY_CHECK": "warn"}),
]
WRONG_ENVIRONMENTS = [
    ("W011", {"GUNICORN_BIND": "127.0.0.1:8000"}),
    ("E005", {"SERVER_CERTIFICATE": "server.crt"}),
    ("E005", {"SERVER_KEY": "server.key"}),
    ("E005", {"SERVER_CERTIFICATE_RSA": "rsa.crt"}),
    ("E005", {"SERVER_KEY_RSA": "rsa.key"}),
    ("W015", {"NOTICE_EMAILS": "ward@example.org"}),
]


def messages() -> dict[str, str]:
    """Return the hint of each message of this project by its id."""
    found = run_checks(include_deployment_checks=True)
    ours = [one for one in found if str(one.id).startswith("device_endpoint.")]
    return {str(one.id).partition(".")[2]: str(one.hint) for one in ours}


@pytest.fixture
def change(settings: Any) -> Callable[[dict[str, Any]], None]:
    def change(values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(settings, name, value)

    return change


def test_the_shipped_settings_produce_no_message() -> None:
    found = run_checks(include_deployment_checks=True)
    assert [one for one in found if not one.is_silenced() and one.id != "security.W009"] == []


@pytest.mark.parametrize(("identifier", "values"), WRONG)
def test_a_wrong_setting_is_reported_with_a_hint(
    change: Callable[[dict[str, Any]], None], identifier: str, values: dict[str, Any]
) -> None:
    change(values)
    assert len(messages()[identifier]) > 10


@pytest.mark.parametrize(("identifier", "values"), WRONG_ENVIRONMENTS)
def test_a_wrong_environment_is_reported_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, identifier: str, values: dict[str, str]
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert len(messages()[identifier]) > 10


def test_secrets_readable_by_others_are_reported(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "secret_key"
    secret.touch(mode=0o600)
    assert "W002" not in messages()
    secret.chmod(0o640)
    assert "W002" in messages()


@pytest.mark.parametrize(
    ("host", "options", "is_reported"),
    [
        ("db.example.org", {}, True),
        ("192.0.2.1", {"sslmode": "prefer"}, True),
        ("192.0.2.1", {"sslmode": "verify-full"}, False),
        ("localhost", {}, False),
        ("127.0.0.1", {}, False),
        ("/run/postgresql", {}, False),
    ],
)
def test_an_unencrypted_database_connection_is_reported(
    monkeypatch: pytest.MonkeyPatch, host: str, options: dict[str, str], is_reported: bool
) -> None:
    database: Any = shipped.DATABASES["default"]
    monkeypatch.setitem(database, "HOST", host)
    monkeypatch.setitem(database, "OPTIONS", options)
    assert ("W014" in messages()) is is_reported


def test_every_message_id_has_a_test() -> None:
    source = Path(shipped.BASE_DIR, "device_endpoint", "checks.py").read_text()
    ids = {part[:4] for part in source.split('id="device_endpoint.')[1:]}
    tried = {identifier for identifier, _ in WRONG} | {name for name, _ in WRONG_ENVIRONMENTS}
    assert ids == tried | {"W002", "W014"}
