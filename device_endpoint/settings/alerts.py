"""Settings of monitoring and notifications: docs/how-to/monitor.md.

Error messages repeat none of these values, since they contain addresses and secrets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

from alerts.messages import decode_secret
from alerts.quiet_hours import parse_quiet_hours
from device_endpoint.env import read_int, read_list, read_text
from device_endpoint.settings.base import PUBLIC_HOST

_T = TypeVar("_T")
_ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+", re.ASCII)
_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def _convert(name: str, convert: Callable[[str], _T], value: str, expected: str) -> _T:
    try:
        return convert(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} cannot be used: expected {expected}.") from error


def _mail_server(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError
    return {
        "host": parts.hostname,
        "port": parts.port or _PORTS[parts.scheme],
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "tls": parts.scheme == "smtp+tls",
        "ssl": parts.scheme == "smtp+ssl",
    }


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError
    return text


def _webhook(url: str) -> str:
    parts = urlsplit(url)
    is_here = parts.scheme == "http" and parts.hostname in _THIS_MACHINE
    if not parts.hostname or not (parts.scheme == "https" or is_here) or parts.username:
        raise ValueError
    if parts.port == 0:  # reading .port also raises if it is not a number
        raise ValueError
    return url


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError from error


MONITORING_INTERVAL_SECONDS = read_int("MONITORING_INTERVAL_SECONDS", 60, 1)
ALERT_GROUP_INTERVAL_SECONDS = read_int("ALERT_GROUP_INTERVAL_SECONDS", 600)

ALERT_EMAIL_RECIPIENTS = [
    _convert("ALERT_EMAIL_RECIPIENTS", _address, address, "addresses such as ward@example.org")
    for address in read_list("ALERT_EMAIL_RECIPIENTS", [])
]
ALERT_WEBHOOK_URL = read_text("ALERT_WEBHOOK_URL")
ALERT_WEBHOOK_SECRET = read_text("ALERT_WEBHOOK_SECRET")
if ALERT_WEBHOOK_URL:
    _convert("ALERT_WEBHOOK_URL", _webhook, ALERT_WEBHOOK_URL,
         "https://HOST/PATH without a login in it, or http:// to this machine")  # fmt: skip
    _convert("ALERT_WEBHOOK_SECRET", decode_secret, ALERT_WEBHOOK_SECRET,
         "24 random bytes or more as base64: openssl rand -base64 32")  # fmt: skip


def _study_webhooks(text: str) -> dict[str, tuple[str, str]]:
    """Return URL and secret by name of the study; ``text`` is {STUDY: {"url": …, "secret": …}}."""
    try:
        return {
            name: (_webhook(str(each["url"])), str(each["secret"]))
            for name, each in json.loads(text).items()
            if decode_secret(str(each["secret"]))
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError from error


ALERT_STUDY_WEBHOOKS = _convert(
    "ALERT_STUDY_WEBHOOKS",
    _study_webhooks,
    read_text("ALERT_STUDY_WEBHOOKS") or "{}",
    '{"STUDY": {"url": "https://…", "secret": "…"}}, each as ALERT_WEBHOOK_URL and _SECRET',
)
_quiet = read_text("QUIET_HOURS")
_quiet_zone = _convert(
    "QUIET_HOURS_TIME_ZONE",
    _zone,
    read_text("QUIET_HOURS_TIME_ZONE", "UTC"),
    "a zone such as Europe/Berlin",
)
QUIET_HOURS = (
    _convert(
        "QUIET_HOURS", lambda text: parse_quiet_hours(text, _quiet_zone), _quiet, "22:00-07:00"
    )
    if _quiet
    else None
)

# Django's mail settings.
_server = _convert(
    "EMAIL_URL",
    _mail_server,
    read_text("EMAIL_URL", "smtp://localhost:25"),
    "smtp://, smtp+tls:// or smtp+ssl:// and USER:PASSWORD@HOST:PORT, with %40 for @",
)
EMAIL_HOST, EMAIL_PORT = _server["host"], _server["port"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _server["user"], _server["password"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _server["tls"], _server["ssl"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = _convert(
    "EMAIL_FROM",
    _address,
    read_text("EMAIL_FROM", f"device-endpoint@{PUBLIC_HOST}"),
    "an address such as devices@example.org",
)
