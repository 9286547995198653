"""The environment, read once and checked: the only module that looks at ``os.environ``.

Every name is listed in docs/reference/settings.md. A value that cannot be used raises
``ImproperlyConfigured`` with the name, what was found and what is expected.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import environ
from django.core.exceptions import ImproperlyConfigured

PROJECT_DIR = Path(__file__).resolve().parent.parent

# sun_path holds 108 bytes; PostgreSQL appends "/.s.PGSQL.5432.lock" to its folder.
MAX_SOCKET_FOLDER = 85

_T = TypeVar("_T")

# FileAwareEnv reads NAME from the file that NAME_FILE names, for mounted secrets.
_env = environ.FileAwareEnv()


def _read(name: str, convert: Callable[[str], _T], default: _T, expected: str) -> _T:
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
    """Return the text of ``name``; unset or blank gives ``default``."""
    return _read(name, str, default, "expected text")


def read_int(name: str, default: int, lowest: int = 0, highest: int = 2**31) -> int:
    """Return ``name`` as a whole number in ``lowest..highest``."""

    def convert(raw: str) -> int:
        number = int(raw)
        if not lowest <= number <= highest:
            raise ValueError(raw)
        return number

    return _read(name, convert, default, f"expected a whole number from {lowest} to {highest}")


def read_bool(name: str, default: bool) -> bool:
    """Return ``name`` as a truth value."""

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
    """Return ``name``, a day as ISO 8601 writes it."""

    def convert(raw: str) -> str:
        return date.fromisoformat(raw).isoformat()

    return _read(name, convert, default, "expected a day, such as 2000-01-31")


def read_list(name: str, default: list[str]) -> list[str]:
    """Return ``name`` split at commas and blanks."""
    return _read(name, lambda raw: raw.replace(",", " ").split(), default, "expected a list")


def child_environment(added: dict[str, str]) -> dict[str, str]:
    """Return what a program that is started here gets: our environment and ``added``."""
    return {**os.environ, **added}


def var_dir() -> Path:
    """Return the folder that holds all that this installation writes (``VAR_DIR``)."""
    return resolve_var_dir(read_text("VAR_DIR"))


def resolve_var_dir(given: str) -> Path:
    """Return the folder that ``VAR_DIR=given`` means: by default ``var`` in the project's."""
    return (PROJECT_DIR / (given.strip() or "var")).resolve()


def run_folder() -> Path | None:
    """Return ``RUN_DIR``, where sockets and counters are kept if it is set: in memory, say."""
    given = read_text("RUN_DIR")
    return (PROJECT_DIR / given).resolve() if given else None


def metrics_folder() -> Path:
    """Return the folder where the processes of each door count, in a folder of its name."""
    return (run_folder() or var_dir()) / "metrics"


def socket_folder(kind: str) -> Path:
    """Return the folder for sockets of ``kind`` ("run" or "postgres"), short enough for one.

    The doors' sockets ("run") are in ``RUN_DIR`` if that is set. Else the folder is below
    ``VAR_DIR`` where the path fits into a socket address, else a private one named after
    ``VAR_DIR`` in the system's folder for temporary files: the same for every process of one
    user that is given the same ``VAR_DIR``.
    """
    given = run_folder()
    if given is not None and kind == "run":
        return given
    wanted = var_dir() / "run" / kind
    if len(os.fsencode(wanted)) <= MAX_SOCKET_FOLDER:
        return wanted
    digest = hashlib.sha256(os.fsencode(var_dir())).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"device-endpoint-{os.getuid()}-{digest}" / kind


def read_secret(name: str) -> str:
    """Return the secret ``name``: from the environment, else from ``VAR_DIR/secrets``.

    A secret that is in neither place is made there at first use, readable by its owner only.
    """
    given = read_text(name)
    if given:
        return given
    path = var_dir() / "secrets" / name.lower()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(48))
        found = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} is not set and {path} cannot be made or read ({error.strerror}): "
            f"set {name} or {name}_FILE, or VAR_DIR to a folder that this user can write."
        ) from error
    if len(found) < 32:
        raise ImproperlyConfigured(f"{path} holds no secret of 32 characters: delete or fill it.")
    return found


def files_of_secrets() -> list[Path]:
    """Return the files that are named as the places of secrets (``NAME_FILE``)."""
    names = ("SECRET_KEY", "PROXY_SECRET", "DATABASE_URL", "ANALYTICS_DATABASE_URL")
    given = (os.environ.get(f"{name}_FILE") for name in names)
    return [Path(path) for path in given if path]


def _write_once(path: Path, text: str) -> None:
    # link() refuses an existing name: of two processes that start at once, one wins, and both
    # read a whole secret.
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
    # Neither the value nor what is said of it goes into the message: it holds a password.
    wanted = f"{name} cannot be used: expected postgres://USER:PASSWORD@HOST:PORT/NAME."
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(wanted)
    try:
        found: dict[str, object] = _env.db_url_config(url)
    except ValueError as error:
        raise ImproperlyConfigured(wanted) from error
    found["HOST"] = unquote(str(found["HOST"]))  # a socket folder arrives as %2Fvar%2Frun
    return found
