"""``/livez`` and ``/readyz``: does this process answer, and may data be sent?"""

from __future__ import annotations

import http.client
import socket
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from analysis.queries import read_database
from device_endpoint import replica
from device_endpoint.env import socket_folder
from ingest.storage import disk_space, durability_check

OK = "ok"
DISK = "disk"
DOOR_PATIENCE_SECONDS = 5.0


@require_safe
@never_cache
def livez(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process takes requests; nothing else is looked at."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when data may be sent, else 503; ``checks`` names what is missing."""
    checks = all_checks()
    ready = all(state == OK for state in checks.values())
    status = http.client.OK if ready else http.client.SERVICE_UNAVAILABLE
    body: dict[str, object] = {"status": "ready" if ready else "not ready", "checks": checks}
    if read_database.has_replica():  # told, and no reason to turn devices away
        body["replica"] = replica.describe()
    return JsonResponse(body, status=status)


def all_checks() -> dict[str, str]:
    """Return the state of everything that data needs to arrive, ``ok`` or what is missing."""
    return {**database_checks(), DISK: disk_check(), "device_door": device_door_check()}


def disk_check() -> str:
    """Return ``ok`` if there is room to store; else how little, of which no path is told here."""
    short = disk_space.low()
    if not short:
        return OK
    free = min(folder.free or 0 for folder in short)
    return f"nearly full: {mib(free)} free, {mib(settings.MIN_FREE_DISK_BYTES)} wanted"


def mib(size: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{size / 2**20:,.0f} MiB"


def database_checks() -> dict[str, str]:
    """Return the state of each thing that the database must have, ``ok`` or what is missing."""
    try:
        return {
            "database": OK,
            "migrations": _migrations_check(),
            "superuser": _superuser_check(),
            "durability": durability_state(),
        }
    except (DatabaseError, InterfaceError):
        connection.close()
        return {"database": "no answer"}


def durability_state() -> str:
    """Return ``ok`` if a commit survives a crash of the machine, else what is switched off."""
    off = durability_check.find_unsafe_settings()
    if not off or settings.DURABILITY_CHECK == "warn":
        return OK
    return f"switched off in PostgreSQL: {', '.join(off)}"


def device_door_check() -> str:
    """Return ``ok`` if the device door refuses a request without a certificate, as it must."""
    door = _DoorConnection(socket_folder("run") / "device.sock")
    headers = {"Host": "localhost", "X-Proxy-Secret": settings.PROXY_SECRET}
    headers |= {"X-Client-Verify": "NONE", "X-Forwarded-Proto": "https"}
    try:
        door.request("GET", "/device_endpoint", headers=headers)
        answer = door.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return "no answer"
    finally:
        door.close()
    if answer.status == http.client.FORBIDDEN:
        return OK
    return f"answers {answer.status}"


class _DoorConnection(http.client.HTTPConnection):
    """HTTP over the unix socket of a door."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=DOOR_PATIENCE_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@cache
def _last_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _migrations_check() -> str:
    with connection.cursor() as cursor:
        if "django_migrations" not in connection.introspection.table_names(cursor):
            return "no tables yet"
        cursor.execute("SELECT app, name FROM django_migrations")
        missing = sorted(_last_migrations() - set(cursor.fetchall()))
    return f"not applied: {', '.join('.'.join(key) for key in missing)}" if missing else OK


def _superuser_check() -> str:
    users = get_user_model()._default_manager
    return OK if users.filter(is_superuser=True).exists() else "none yet"
