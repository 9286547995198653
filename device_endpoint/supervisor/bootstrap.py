"""What is made ready before the doors open: folders, tables, static files, the first login."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import IO, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections

from device_endpoint import server_certificate
from device_endpoint.env import read_text
from device_endpoint.supervisor.errors import CannotStartError


def make_folders(var_dir: Path) -> None:
    """Make ``VAR_DIR`` and the folder for logs; raise when this user cannot write them."""
    try:
        for folder in (var_dir, var_dir / "log"):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
            if folder.stat().st_uid != os.geteuid():
                raise CannotStartError(
                    f"{folder} was made by another user (id {folder.stat().st_uid}): start as "
                    "that user or set another VAR_DIR."
                )
    except OSError as error:
        raise CannotStartError(
            f"VAR_DIR={var_dir} cannot be written ({error.strerror}): set another VAR_DIR."
        ) from error


def lock(var_dir: Path) -> IO[str]:
    """Take ``VAR_DIR`` for this process; the lock lasts as long as the returned file is open."""
    file = (var_dir / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise CannotStartError(
            f"{var_dir} is in use by a running `up` (process {holder}): end that one, or set "
            "another VAR_DIR, DEVICE_PORT and STAFF_PORT for a second copy."
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def ensure_server_certificate() -> bool:
    """Make the server's certificate if it is missing or near its end; tell whether it was."""
    try:
        return server_certificate.ensure(settings.PUBLIC_HOST)
    except OSError as error:
        raise CannotStartError(f"{error.filename}: {error.strerror}") from error


def migrate() -> None:
    """Bring the tables up to date, however long that takes."""
    call_command("migrate", interactive=False, verbosity=0)
    connections.close_all()


def collect_static() -> None:
    """Copy scripts and styles to ``VAR_DIR/static``, where the staff door serves them from."""
    call_command("collectstatic", interactive=False, verbosity=0)


class FirstLogin(NamedTuple):
    """A superuser that was just made; ``password`` only if it was made up here."""

    name: str
    password: str | None


def ensure_superuser() -> FirstLogin | None:
    """Make the first superuser and return how to log in, or return None if there was one."""
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        connections.close_all()
        return None
    name = read_text("DJANGO_SUPERUSER_USERNAME", "admin")
    given = read_text("DJANGO_SUPERUSER_PASSWORD")
    password = given or secrets.token_urlsafe(12)
    users.create_superuser(username=name, password=password)
    connections.close_all()
    return FirstLogin(name, None if given else password)
