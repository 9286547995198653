"""System checks for ``manage.py check --deploy``: every known installation mistake.

Each message has an id and a hint; the shipped settings produce none. Settings that are valid but
worth reviewing are reported as information (``I``), which fails no check.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Info, Tags, register

from device_endpoint.env import (
    PROJECT_DIR,
    read_list,
    read_text,
    renamed_settings_in_use,
)

MIN_SECRET_LENGTH = 32
ENCRYPTED_SSL_MODES = ("require", "verify-ca", "verify-full")
REQUIRED_MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "identities.audit.recorder.AuditMiddleware",
    "identities.mfa.middleware.MfaMiddleware",
    "axes.middleware.AxesMiddleware",
)
FORBIDDEN_POLICY_SOURCES = ("'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:")


def is_public(listen: Iterable[str]) -> bool:
    """Return whether another machine can reach one of the addresses."""
    for address in listen:
        try:
            if not ipaddress.ip_address(address.strip("[]")).is_loopback:
                return True
        except ValueError:
            return True
    return False


@register(Tags.compatibility)
def check_renamed_settings(app_configs: Any, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check for settings that are given by a former name, which the next release ignores."""
    for former, name in renamed_settings_in_use().items():
        yield checks.Warning(
            f"The setting {former} is now named {name}.",
            hint=f"Rename it to {name}: the next release ignores {former}.",
            id="device_endpoint.W015",
        )


_PAIRED_SETTINGS = (
    ("SERVER_CERTIFICATE", "SERVER_KEY"),
    ("SERVER_CERTIFICATE_RSA", "SERVER_KEY_RSA"),
)


@register(Tags.security, deploy=True)
def check_secrets(app_configs: Any, **kwargs: Any) -> Iterator[CheckMessage]:
    if len(settings.PROXY_SECRET) < MIN_SECRET_LENGTH:
        yield Error(
            f"PROXY_SECRET has fewer than {MIN_SECRET_LENGTH} characters.",
            hint="Unset it: a random one is generated in VAR_DIR/secrets.",
            id="device_endpoint.E001",
        )
    if settings.PROXY_SECRET == settings.SECRET_KEY:
        yield checks.Warning(
            "PROXY_SECRET equals SECRET_KEY, so nginx holds the key that signs sessions.",
            hint="Change one of them, or unset both.",
            id="device_endpoint.W001",
        )
    secrets = (Path(settings.VAR_DIR) / "secrets").glob("*")
    if readable := [str(path) for path in secrets if path.stat().st_mode & 0o077]:
        yield checks.Warning(
            f"Other users can read secrets: {' '.join(readable)}.",
            hint="chmod 600 these files.",
            id="device_endpoint.W002",
        )


@register(Tags.security, deploy=True)
def check_browsers(app_configs: Any, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check cookies, response headers and middleware."""
    yield from (*_cookies(), *_headers(), *_middleware())


def _cookies() -> Iterator[CheckMessage]:
    for kind in ("SESSION", "CSRF"):
        name = getattr(settings, f"{kind}_COOKIE_NAME")
        is_strict = (
            getattr(settings, f"{kind}_COOKIE_SECURE")
            and getattr(settings, f"{kind}_COOKIE_HTTPONLY")
            and getattr(settings, f"{kind}_COOKIE_SAMESITE") == "Strict"
            and getattr(settings, f"{kind}_COOKIE_DOMAIN") is None
            and getattr(settings, f"{kind}_COOKIE_PATH") == "/"
        )
        if not is_strict:
            yield checks.Warning(
                f"The cookie {name} must be Secure, HttpOnly, SameSite=Strict, path /, no domain.",
                hint=f"Leave {kind}_COOKIE_* as shipped.",
                id="device_endpoint.W003",
            )
        if not name.startswith("__Host-") or str(settings.STAFF_PORT) not in name:
            yield checks.Warning(
                f"The cookie {name} lacks __Host- or the port in its name.",
                hint="Browsers share cookies between ports: leave the names as shipped.",
                id="device_endpoint.W004",
            )
    if settings.SESSION_COOKIE_AGE > 12 * 3600 or not settings.SESSION_EXPIRE_AT_BROWSER_CLOSE:
        yield checks.Warning(
            "Sessions live for more than 12 hours or beyond the browser.",
            hint="Set SESSION_IDLE_SECONDS to 43200 or less.",
            id="device_endpoint.W005",
        )


def _headers() -> Iterator[CheckMessage]:
    if settings.SECURE_PROXY_SSL_HEADER != ("HTTP_X_FORWARDED_PROTO", "https"):
        yield checks.Warning(
            "The application cannot tell that nginx received the request over TLS.",
            hint='Set SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https").',
            id="device_endpoint.W006",
        )
    if settings.PUBLIC_HOST != "localhost" and settings.HSTS_SECONDS < 30 * 24 * 3600:
        yield checks.Warning(
            "Browsers are instructed for less than 30 days to use HTTPS only.",
            hint="Unset HSTS_SECONDS once HTTPS works for every user.",
            id="device_endpoint.W007",
        )
    directives = settings.CONTENT_SECURITY_POLICY.get("DIRECTIVES", {})
    allowed = {value for values in directives.values() for value in values}
    if unsafe := sorted(allowed & set(FORBIDDEN_POLICY_SOURCES)):
        yield checks.Warning(
            f"The content security policy allows {', '.join(unsafe)}.",
            hint="No page needs it: move scripts and styles into files.",
            id="device_endpoint.W008",
        )


def _middleware() -> Iterator[CheckMessage]:
    if missing := [name for name in REQUIRED_MIDDLEWARE if name not in settings.MIDDLEWARE]:
        yield Error(
            f"MIDDLEWARE lacks {', '.join(missing)}.",
            hint="Leave MIDDLEWARE as shipped and add to it.",
            id="device_endpoint.E002",
        )
    if settings.AUTHENTICATION_BACKENDS[0] != "axes.backends.AxesStandaloneBackend":
        yield Error(
            "Failed logins are not counted before the password is checked.",
            hint='Put "axes.backends.AxesStandaloneBackend" first.',
            id="device_endpoint.E003",
        )


@register(Tags.security, deploy=True)
def check_network(app_configs: Any, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check the listening addresses and the served host names."""
    if is_public(settings.LISTEN) and settings.PUBLIC_HOST == "localhost":
        yield checks.Warning(
            "LISTEN admits other machines, but PUBLIC_HOST is localhost.",
            hint="Set PUBLIC_HOST to the name that devices and browsers use.",
            id="device_endpoint.W009",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield checks.Warning(
            "ALLOWED_HOSTS=* serves requests for any host name.",
            hint="List the host names.",
            id="device_endpoint.W010",
        )
    bind = read_list("GUNICORN_BIND", [])
    if not all(address.startswith("unix:") for address in bind):
        yield checks.Warning(
            f"GUNICORN_BIND={' '.join(bind)} lets clients reach a service without nginx.",
            hint="Use a unix socket in a folder of mode 0750; if nginx runs on another host, "
            "let a firewall admit only that host.",
            id="device_endpoint.W011",
        )
    if is_public(settings.LISTEN) and settings.STAFF_MFA == "off":
        yield Info(
            "Other machines can log in to the staff site with a password alone.",
            hint="Set STAFF_MFA to offered or required.",
            id="device_endpoint.I001",
        )


@register(Tags.security, deploy=True)
def check_certificates(app_configs: Any, **kwargs: Any) -> Iterator[CheckMessage]:
    if settings.DEVICE_CA and not (PROJECT_DIR / settings.DEVICE_CA).is_file():
        yield Error(
            f"DEVICE_CA={settings.DEVICE_CA} is not a file.",
            hint="Set it to the PEM file of the CA that issues the devices' certificates.",
            id="device_endpoint.E004",
        )
    for certificate, key in _PAIRED_SETTINGS:
        if bool(read_text(certificate)) != bool(read_text(key)):
            yield Error(
                f"Only one of {certificate} and {key} is set.",
                hint="Set both, or neither.",
                id="device_endpoint.E005",
            )
    if settings.ACCEPT_EXPIRED_CERTIFICATES:
        yield checks.Warning(
            "Expired certificates are accepted.",
            hint="Register the devices with new certificates, then unset "
            "ACCEPT_EXPIRED_CERTIFICATES.",
            id="device_endpoint.W012",
        )


@register(Tags.security, Tags.database, deploy=True)
def check_database(app_configs: Any, **kwargs: Any) -> Iterator[CheckMessage]:
    """Check the encryption of the database connection and the durability setting."""
    if settings.DURABILITY_CHECK != "refuse":
        yield checks.Warning(
            "DURABILITY_CHECK=warn accepts data that a database crash could lose.",
            hint="Unset it, unless a managed database reports its durability differently.",
            id="device_endpoint.W013",
        )
    for database in settings.DATABASES.values():
        host = str(database.get("HOST") or "")
        options: Any = database.get("OPTIONS") or {}
        encrypted = options.get("sslmode") in ENCRYPTED_SSL_MODES
        is_local = host in ("", "localhost") or host.startswith("/")
        if not is_local and not encrypted and is_public([host]):
            yield checks.Warning(
                f"The connection to the database at {host} may be unencrypted.",
                hint="Add ?sslmode=verify-full to DATABASE_URL.",
                id="device_endpoint.W014",
            )
