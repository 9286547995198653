"""What ``manage.py check --deploy`` says of every known way to install this wrongly.

Each complaint has an id and a hint. The shipped settings have none. A few settings that are not
wrong but worth a thought are told as notes (``I``), which fail no check.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Info, Tags, register

from device_endpoint.env import PROJECT_DIR, read_list, read_text

MIN_SECRET = 32
ENCRYPTED = ("require", "verify-ca", "verify-full")
MIDDLEWARE_NEEDED = (
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "identities.audit.recorder.AuditMiddleware",
    "identities.mfa.middleware.MfaMiddleware",
    "axes.middleware.AxesMiddleware",
)
POLICY_FORBIDDEN = ("'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:")


def is_public(listen: Iterable[str]) -> bool:
    """Tell whether one of the addresses can be reached from another machine."""
    for address in listen:
        try:
            if not ipaddress.ip_address(address.strip("[]")).is_loopback:
                return True
        except ValueError:
            return True
    return False


@register(Tags.security, deploy=True)
def check_secrets(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Look at the secrets that the two halves of the product share."""
    found: list[CheckMessage] = []
    if len(settings.PROXY_SECRET) < MIN_SECRET:
        found.append(
            Error(
                f"PROXY_SECRET has fewer than {MIN_SECRET} characters.",
                hint="Unset it: a good one is made in VAR_DIR/secrets.",
                id="device_endpoint.E001",
            )
        )
    if settings.PROXY_SECRET == settings.SECRET_KEY:
        found.append(
            checks.Warning(
                "PROXY_SECRET and SECRET_KEY are the same, so nginx knows what signs sessions.",
                hint="Set one of them anew, or unset both.",
                id="device_endpoint.W001",
            )
        )
    if loose := [str(path) for path in _secret_files() if path.stat().st_mode & 0o077]:
        found.append(
            checks.Warning(
                f"Other users may read secrets: {' '.join(loose)}.",
                hint="chmod 600 these files.",
                id="device_endpoint.W002",
            )
        )
    return found


def _secret_files() -> Iterator[Path]:
    yield from (Path(settings.VAR_DIR) / "secrets").glob("*")


@register(Tags.security, deploy=True)
def check_browsers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Look at cookies, headers and what stands between a browser and the pages."""
    return [*_cookies(), *_headers(), *_middleware()]


def _cookies() -> Iterator[CheckMessage]:
    for kind in ("SESSION", "CSRF"):
        name = getattr(settings, f"{kind}_COOKIE_NAME")
        strict = (
            getattr(settings, f"{kind}_COOKIE_SECURE")
            and getattr(settings, f"{kind}_COOKIE_HTTPONLY")
            and getattr(settings, f"{kind}_COOKIE_SAMESITE") == "Strict"
            and getattr(settings, f"{kind}_COOKIE_DOMAIN") is None
            and getattr(settings, f"{kind}_COOKIE_PATH") == "/"
        )
        if not strict:
            yield checks.Warning(
                f"The cookie {name} is not Secure, HttpOnly and SameSite=Strict for / alone.",
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
            "The application does not learn from nginx that TLS was used.",
            hint='Set SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https").',
            id="device_endpoint.W006",
        )
    if settings.PUBLIC_HOST != "localhost" and settings.HSTS_SECONDS < 30 * 24 * 3600:
        yield checks.Warning(
            "Browsers are told for less than 30 days to use HTTPS only.",
            hint="Unset HSTS_SECONDS, once HTTPS works for all.",
            id="device_endpoint.W007",
        )
    directives = settings.CONTENT_SECURITY_POLICY.get("DIRECTIVES", {})
    allowed = {value for values in directives.values() for value in values}
    if loose := sorted(allowed & set(POLICY_FORBIDDEN)):
        yield checks.Warning(
            f"The content security policy allows {', '.join(loose)}.",
            hint="No page of this product needs it: move scripts and styles into files.",
            id="device_endpoint.W008",
        )


def _middleware() -> Iterator[CheckMessage]:
    if missing := [name for name in MIDDLEWARE_NEEDED if name not in settings.MIDDLEWARE]:
        yield Error(
            f"MIDDLEWARE lacks {', '.join(missing)}.",
            hint="Leave MIDDLEWARE as shipped and add to it.",
            id="device_endpoint.E002",
        )
    if settings.AUTHENTICATION_BACKENDS[0] != "axes.backends.AxesStandaloneBackend":
        yield Error(
            "Failed logins are not counted before the password is looked at.",
            hint='Let "axes.backends.AxesStandaloneBackend" be the first backend.',
            id="device_endpoint.E003",
        )


@register(Tags.security, deploy=True)
def check_network(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Look at what is listened on, and under which names."""
    found: list[CheckMessage] = []
    if is_public(settings.LISTEN) and settings.PUBLIC_HOST == "localhost":
        found.append(
            checks.Warning(
                "LISTEN lets other machines in, but PUBLIC_HOST is localhost.",
                hint="Set PUBLIC_HOST to the name that devices and browsers use.",
                id="device_endpoint.W009",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            checks.Warning(
                "ALLOWED_HOSTS=* serves this under any name.",
                hint="List the names.",
                id="device_endpoint.W010",
            )
        )
    bind = read_list("GUNICORN_BIND", [])
    if not all(one.startswith("unix:") for one in bind):
        found.append(
            checks.Warning(
                f"GUNICORN_BIND={' '.join(bind)} lets others reach a door past nginx.",
                hint="Name a unix socket in a folder of mode 0750; for nginx on another host, "
                "let a firewall admit that host alone.",
                id="device_endpoint.W011",
            )
        )
    if is_public(settings.LISTEN) and settings.STAFF_MFA == "off":
        found.append(
            Info(
                "Other machines reach the staff door with a password alone.",
                hint="Set STAFF_MFA to offered or required.",
                id="device_endpoint.I001",
            )
        )
    return found


@register(Tags.security, deploy=True)
def check_certificates(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Look at which certificates are shown and accepted."""
    found: list[CheckMessage] = []
    if settings.DEVICE_CA and not (PROJECT_DIR / settings.DEVICE_CA).is_file():
        found.append(
            Error(
                f"DEVICE_CA={settings.DEVICE_CA} is no file.",
                hint="Name the PEM file of the authority that issues devices' certificates.",
                id="device_endpoint.E004",
            )
        )
    if bool(read_text("SERVER_CERTIFICATE")) != bool(read_text("SERVER_KEY")):
        found.append(
            Error(
                "Of SERVER_CERTIFICATE and SERVER_KEY one is set and the other is not.",
                hint="Set both, or neither.",
                id="device_endpoint.E005",
            )
        )
    if settings.ACCEPT_EXPIRED_CERTIFICATES:
        found.append(
            checks.Warning(
                "Certificates are accepted beyond their last day.",
                hint="Let the devices register with new ones, then unset "
                "ACCEPT_EXPIRED_CERTIFICATES.",
                id="device_endpoint.W012",
            )
        )
    return found


@register(Tags.security, Tags.database, deploy=True)
def check_database(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Look at how the database is reached and whether it is asked to be durable."""
    found: list[CheckMessage] = []
    if settings.DURABILITY_CHECK != "refuse":
        found.append(
            checks.Warning(
                "DURABILITY_CHECK=warn takes data that a crash of the database could lose.",
                hint="Unset it, unless a managed engine reports its durability differently.",
                id="device_endpoint.W013",
            )
        )
    for database in settings.DATABASES.values():
        host = str(database.get("HOST") or "")
        encrypted = _options(database).get("sslmode") in ENCRYPTED
        if host and not host.startswith("/") and not encrypted and is_public(_resolved(host)):
            found.append(
                checks.Warning(
                    f"The connection to the database at {host} may be unencrypted.",
                    hint="Add ?sslmode=verify-full to its address.",
                    id="device_endpoint.W014",
                )
            )
    return found


def _options(database: Any) -> dict[str, Any]:
    return dict(database.get("OPTIONS") or {})


def _resolved(host: str) -> list[str]:
    return ["127.0.0.1"] if host == "localhost" else [host]
