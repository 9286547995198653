"""Read and validate environment variables; no other module reads ``os.environ``.

docs/reference/settings.md lists every name. An unusable value raises ``ImproperlyConfigured`` with
the name, the value and what was expected.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import tempfile
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import environ
from django.core.exceptions import ImproperlyConfigured

PROJECT_DIR = Path(__file__).resolve().parent.parent

# sun_path holds 108 bytes; PostgreSQL appends "/.s.PGSQL.5432.lock" to its folder.
MAX_SOCKET_FOLDER_BYTES = 85

# Former name to current name. A former name is read for one release, with a warning.
RENAMED_SETTINGS = {
    "COMPACT_EVERY_S": "COMPACTION_INTERVAL_SECONDS",
    "CONNECTIONS_PER_ADDRESS": "MAX_CONNECTIONS_PER_IP",
    "CONNECT_TIMEOUT_S": "CONNECT_TIMEOUT_SECONDS",
    "DEVICE_TIMEOUT_S": "DEVICE_TIMEOUT_SECONDS",
    "DOOR": "SERVICE",
    "EARLIEST_SAMPLE": "MIN_SAMPLE_DATE",
    "FREE_SPACE_FOLDERS": "DISK_SPACE_PATHS",
    "LATEST_SAMPLE_AHEAD_S": "MAX_CLOCK_SKEW_SECONDS",
    "LOGIN_FAILURES": "LOGIN_FAILURE_LIMIT",
    "LOGIN_LOCKOUT_S": "LOGIN_LOCKOUT_SECONDS",
    "LOWEST_FREE_BYTES": "MIN_FREE_DISK_BYTES",
    "MAX_BYTES_PER_IDENTITY_AND_DAY": "IDENTITY_DAILY_QUOTA_BYTES",
    "MAX_FILES": "MAX_FILES_PER_REQUEST",
    "NOTICE_EMAILS": "ALERT_EMAIL_RECIPIENTS",
    "NOTICE_GAP_S": "ALERT_GROUP_INTERVAL_SECONDS",
    "NOTICE_WEBHOOK_SECRET": "ALERT_WEBHOOK_SECRET",
    "NOTICE_WEBHOOK_URL": "ALERT_WEBHOOK_URL",
    "QUIET_TIME_ZONE": "QUIET_HOURS_TIME_ZONE",
    "REFUSALS_PER_ADDRESS": "REGISTRATION_FAILURES_PER_MINUTE_PER_IP",
    "REFUSALS_PER_CERTIFICATE": "REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE",
    "SESSION_IDLE_S": "SESSION_IDLE_SECONDS",
    "STAFF_SECOND_FACTOR": "STAFF_MFA",
    "STAFF_TIMEOUT_S": "STAFF_TIMEOUT_SECONDS",
    "WATCH_EVERY_S": "MONITORING_INTERVAL_SECONDS",
}
_FORMER_NAMES = {name: former for former, name in RENAMED_SETTINGS.items()}

_T = TypeVar("_T")

# FileAwareEnv reads NAME from the file that NAME_FILE names, for mounted secrets.
_env = environ.FileAwareEnv()


def renamed_settings_in_use() -> dict[str, str]:
    """Return the former names that the environment sets, each with its current name."""
    return {former: name for former, name in RENAMED_SETTINGS.items() if _is_set(former)}


def _is_set(name: str) -> bool:
    return any(os.environ.get(variable, "").strip() for variable in (name, f"{name}_FILE"))


def _variable_to_read(name: str) -> str:
    """Return the variable that holds the setting: its own name, else its former name if set."""
    former = _FORMER_NAMES.get(name)
    if former is None or _is_set(name) or not _is_set(former):
        return name
    warnings.warn(f"The setting {former} is now named {name}.", FutureWarning, stacklevel=4)
    return former


def _read(name: str, convert: Callable[[str], _T], default: _T, expected: str) -> _T:
    name = _variable_to_read(name)
    try:
        raw: str = _env.str(name, default="")
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}_FILE={error.filename} cannot be read: {error.strerror}."
        ) from error
    if raw.strip() == "":
        return default
    try:
        return convert(raw.strip())
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={raw!r} cannot be used: {expected}.") from error


def read_text(name: str, default: str = "") -> str:
    """Return the text of ``name``, or ``default`` if it is unset or blank."""
    return _read(name, str, default, "expected text")


def read_int(name: str, default: int, minimum: int = 0, maximum: int = 2**31) -> int:
    """Return ``name`` as a whole number from ``minimum`` to ``maximum``, both included."""

    def convert(raw: str) -> int:
        number = int(raw)
        if not minimum <= number <= maximum:
            raise ValueError(raw)
        return number

    return _read(name, convert, default, f"expected a whole number from {minimum} to {maximum}")


def read_bool(name: str, default: bool) -> bool:
    def convert(raw: str) -> bool:
        words = {"1": True, "true": True, "yes": True, "on": True}
        words |= {"0": False, "false": False, "no": False, "off": False}
        if raw.lower() not in words:
            raise ValueError(raw)
        return words[raw.lower()]

    return _read(name, convert, default, "expected 1/0, true/false, yes/no or on/off")


def read_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Return ``name``, which must be one of ``choices``."""

    def convert(raw: str) -> str:
        if raw not in choices:
            raise ValueError(raw)
        return raw

    return _read(name, convert, default, f"expected one of {', '.join(choices)}")


def read_day(name: str, default: str) -> str:
    """Return ``name``, an ISO 8601 date."""

    def convert(raw: str) -> str:
        return date.fromisoformat(raw).isoformat()

    return _read(name, convert, default, "expected a day, such as 2000-01-31")


def read_list(name: str, default: list[str]) -> list[str]:
    """Return ``name`` split at commas and white space."""
    return _read(name, lambda raw: raw.replace(",", " ").split(), default, "expected a list")


def read_choices(name: str, choices: tuple[str, ...]) -> list[str]:
    """Return ``name`` as a list of which each item must be one of ``choices``."""

    def convert(raw: str) -> list[str]:
        items = raw.replace(",", " ").split()
        if not set(items) <= set(choices):
            raise ValueError(raw)
        return items

    return _read(name, convert, [], f"expected some of {', '.join(choices)}")


def child_environment(added: dict[str, str]) -> dict[str, str]:
    """Return the environment of a child process: this process's own and ``added``."""
    return {**os.environ, **added}


def var_dir() -> Path:
    """Return ``VAR_DIR``, the folder that holds everything this installation writes."""
    return resolve_var_dir(read_text("VAR_DIR"))


def resolve_var_dir(value: str) -> Path:
    """Return the absolute path of ``VAR_DIR=value``; blank means ``var`` in the project folder."""
    return (PROJECT_DIR / (value.strip() or "var")).resolve()


def run_folder() -> Path | None:
    """Return ``RUN_DIR``, the folder for sockets and metrics files, or None if it is unset."""
    value = read_text("RUN_DIR")
    return (PROJECT_DIR / value).resolve() if value else None


def metrics_folder() -> Path:
    """Return the folder of the metrics files; each service has a subfolder with its name."""
    return (run_folder() or var_dir()) / "metrics"


def socket_folder(kind: str) -> Path:
    """Return the folder for sockets of ``kind`` ("run" or "postgres"), short enough for one.

    The services' sockets ("run") are in ``RUN_DIR`` if that is set. Otherwise the folder is below
    ``VAR_DIR`` if its path fits into a socket address, or else a private folder in the system's
    temporary folder, named after a hash of ``VAR_DIR`` so that every process finds the same one.
    """
    run_dir = run_folder()
    if run_dir is not None and kind == "run":
        return run_dir
    folder = var_dir() / "run" / kind
    if len(os.fsencode(folder)) <= MAX_SOCKET_FOLDER_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(var_dir())).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"device-endpoint-{os.getuid()}-{digest}" / kind


def read_secret(name: str) -> str:
    """Return the secret ``name`` from the environment, or else from ``VAR_DIR/secrets``.

    A secret that is in neither place is generated there, readable by its owner only.
    """
    if value := read_text(name):
        return value
    path = var_dir() / "secrets" / name.lower()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(48))
        secret = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} is not set and {path} cannot be created or read ({error.strerror}): "
            f"set {name} or {name}_FILE, or VAR_DIR to a folder that this user can write."
        ) from error
    if len(secret) < 32:
        raise ImproperlyConfigured(f"{path} holds no secret of 32 characters: delete or fill it.")
    return secret


def files_of_secrets() -> list[Path]:
    """Return the files from which secrets are read (``NAME_FILE``)."""
    names = ("SECRET_KEY", "PROXY_SECRET", "DATABASE_URL", "ANALYTICS_DATABASE_URL")
    paths = (os.environ.get(f"{name}_FILE") for name in names)
    return [Path(path) for path in paths if path]


def _write_once(path: Path, text: str) -> None:
    # link() refuses an existing name: if two processes start at once, one wins and both read a
    # complete secret.
    handle, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    Path(draft).unlink()


def read_database_url() -> str:
    """Return ``DATABASE_URL``, or the address of the embedded PostgreSQL in ``VAR_DIR``."""
    embedded = f"postgres://device_endpoint@{str(socket_folder('postgres')).replace('/', '%2F')}"
    return read_text("DATABASE_URL", f"{embedded}/device_endpoint")


def parse_database_url(url: str, name: str = "DATABASE_URL") -> dict[str, object]:
    """Return Django's ``DATABASES`` entry for a ``postgres://`` address."""
    # The value contains a password, so neither it nor the parser's message is repeated.
    message = f"{name} cannot be used: expected postgres://USER:PASSWORD@HOST:PORT/NAME."
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(message)
    try:
        database: dict[str, object] = _env.db_url_config(url)
    except ValueError as error:
        raise ImproperlyConfigured(message) from error
    database["HOST"] = unquote(str(database["HOST"]))  # a socket folder is written %2Fvar%2Frun
    return database
