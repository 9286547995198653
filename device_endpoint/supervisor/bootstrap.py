"""What ``up`` prepares before it starts the services, and what it prints once they are ready."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections

from device_endpoint import server_certificate
from device_endpoint.env import read_text
from device_endpoint.supervisor.process import CannotStartError


class FirstLogin(NamedTuple):
    """A superuser that was just created; ``password`` only if it was generated."""

    name: str
    password: str | None


def ensure_server_certificate() -> bool:
    """Create the server's certificate if it is missing or expires soon; return whether it was."""
    try:
        return server_certificate.ensure(settings.PUBLIC_HOST)
    except OSError as error:
        raise CannotStartError(f"{error.filename}: {error.strerror}") from error


def migrate() -> None:
    call_command("migrate", interactive=False, verbosity=0)
    connections.close_all()


def collect_static() -> None:
    call_command("collectstatic", interactive=False, verbosity=0)


def ensure_superuser() -> FirstLogin | None:
    """Create the first superuser and return its login, or return None if there is one already."""
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        connections.close_all()
        return None
    name = read_text("DJANGO_SUPERUSER_USERNAME", "admin")
    configured = read_text("DJANGO_SUPERUSER_PASSWORD")
    password = configured or secrets.token_urlsafe(12)
    users.create_superuser(username=name, password=password)
    connections.close_all()
    return FirstLogin(name, None if configured else password)


def public_url(port: int) -> str:
    """Return the base URL under which other machines reach ``port``."""
    return f"https://{settings.PUBLIC_HOST}:{port}"


def describe_login(login: FirstLogin | None) -> str:
    """Return how to log in; ``login`` is the result of ``ensure_superuser``."""
    if login is None:
        return "as before (manage.py changepassword NAME sets a new password)"
    if login.password is None:
        return f"{login.name}, with the password from DJANGO_SUPERUSER_PASSWORD"
    return f"{login.name} / {login.password}   (shown this once)"


def ready_message(login: str, curl: list[str]) -> str:
    """Return the text printed when both services answer; ``curl`` holds commands to paste."""
    lines = [
        "",
        "ready",
        f"  devices   {public_url(settings.DEVICE_PORT)}/device_endpoint",
        f"  staff     {public_url(settings.STAFF_PORT)}/admin/",
        f"  login     {login}",
        f"  CA file   {server_certificate.authority_path()}",
        f"  logs      {settings.VAR_DIR}/log",
    ]
    if curl:
        lines += ["", "To be a device yourself, paste this into another terminal:", "", *curl]
    return "\n".join([*lines, ""])
