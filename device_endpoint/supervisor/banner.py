"""The block that ``up`` prints when both doors answer: where to go and how to log in."""

from __future__ import annotations

from django.conf import settings

from device_endpoint import server_certificate
from device_endpoint.supervisor.bootstrap import FirstLogin


def door_url(port: int) -> str:
    """Return the address of the door on ``port`` as others reach it."""
    return f"https://{settings.PUBLIC_HOST}:{port}"


def ready_block(login: str, curl: list[str]) -> str:
    """Return the lines; ``curl``, if any, is printed to be pasted."""
    lines = [
        "",
        "ready",
        f"  devices   {door_url(settings.DEVICE_PORT)}/device_endpoint",
        f"  staff     {door_url(settings.STAFF_PORT)}/admin/",
        f"  login     {login}",
        f"  CA file   {server_certificate.authority_path()}",
        f"  logs      {settings.VAR_DIR}/log",
    ]
    if curl:
        lines += ["", "To be a device yourself, paste this into another terminal:", "", *curl]
    return "\n".join([*lines, ""])


def login_line(login: FirstLogin | None) -> str:
    """Return how to log in; ``login`` is what ``ensure_superuser`` gave."""
    if login is None:
        return "as before (manage.py changepassword NAME sets a new password)"
    if login.password is None:
        return f"{login.name}, with the password from DJANGO_SUPERUSER_PASSWORD"
    return f"{login.name} / {login.password}   (shown this once)"
