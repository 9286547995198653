"""``/livez``: this process answers. ``/readyz``: the installation accepts data."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import Error, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from analysis.queries import read_database
from device_endpoint import local_probe, replica
from identities.cluster import is_cluster
from ingest.storage import cluster, disk_space, durability_check

OK = "ok"
DISK = "disk"
DEVICE_API_TIMEOUT_SECONDS = 4.0
# /readyz answers within five seconds, also while PostgreSQL is frozen.
CHECKS_TIMEOUT_SECONDS = 4.0
NO_ANSWER = "no answer"
_lock = threading.Lock()
_running: dict[str, Future[dict[str, str]]] = {}


@require_safe
@never_cache
def livez(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process accepts requests; nothing else is checked."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if every check passes, else 503; ``checks`` gives the state of each."""
    checks = all_checks()
    ready = all(state == OK for state in checks.values())
    status = http.client.OK if ready else http.client.SERVICE_UNAVAILABLE
    body: dict[str, object] = {"status": "ready" if ready else "not ready", "checks": checks}
    if read_database.has_replica():  # reported only: devices do not depend on it
        body["replica"] = replica.describe()
    return JsonResponse(body, status=status)


def all_checks() -> dict[str, str]:
    """Return, by name, the state of each requirement for accepting data: ``ok`` or the fault."""
    if connection.in_atomic_block:  # of a caller whose changes no other connection sees
        return {**database_checks(), DISK: disk_check(), "device_api": device_api_check()}
    deadline = time.monotonic() + CHECKS_TIMEOUT_SECONDS
    database = _start("database", database_checks)
    device_api = _start("device_api", lambda: {"device_api": device_api_check()})
    return {
        **_wait("database", database, deadline),
        DISK: disk_check(),
        **_wait("device_api", device_api, deadline),
    }


def _start(name: str, check: Callable[[], dict[str, str]]) -> Future[dict[str, str]]:
    """Run ``check`` in a thread of its own, or join the one that runs.

    A frozen database answers nothing, not even an error: the thread hangs until it comes back, and
    further probes start no others.
    """
    with _lock:
        running = _running.get(name)
        if running is not None and not running.done():
            return running
        future: Future[dict[str, str]] = Future()
        _running[name] = future

    def run() -> None:
        try:
            future.set_result(check())
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            future.set_exception(error)
        finally:
            connections.close_all()

    threading.Thread(target=run, name=f"check {name}", daemon=True).start()
    return future


def _wait(name: str, check: Future[dict[str, str]], deadline: float) -> dict[str, str]:
    try:
        return check.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return {name: NO_ANSWER}


def disk_check() -> str:
    """Return ``ok`` if there is enough free disk space, else the free bytes without any path."""
    low = disk_space.low()
    if not low:
        return OK
    free = min(folder.free or 0 for folder in low)
    return f"nearly full ({mib(free)} free, {mib(settings.MIN_FREE_DISK_BYTES)} required)"


def mib(byte_count: int) -> str:
    return f"{byte_count / 2**20:,.0f} MiB"


def database_checks() -> dict[str, str]:
    """Return the state of each requirement on the database: ``ok`` or what is missing."""
    try:
        return {
            "database": OK,
            "migrations": _migrations_check(),
            "superuser": _superuser_check(),
            "durability": durability_state(),
            **nodes_check(),
        }
    except Error:
        connection.close()
        return {"database": NO_ANSWER}


def durability_state() -> str:
    """Return ``ok`` if a commit survives a crash of the machine, else the settings that are off."""
    off = durability_check.find_unsafe_settings()
    if not off or settings.DURABILITY_CHECK == "warn":
        return OK
    return f"disabled in PostgreSQL: {', '.join(off)}"


def nodes_check() -> dict[str, str]:
    """Return the state of a cluster's nodes, ``ok`` or what each lacks; nothing without Citus."""
    if not is_cluster():
        return {}
    silent = [each.node for each in cluster.ask_all_nodes("SELECT 'here'") if each.text is None]
    low = [node for node in disk_space.measure_nodes() if node.is_low]
    faults = [f"{node}: no answer" for node in silent]
    faults += [f"{node.path}: disk nearly full ({mib(node.free or 0)} free)" for node in low]
    return {"nodes": "; ".join(faults) or OK}


def device_api_check() -> str:
    """Return ``ok`` if the device API refuses a request without a certificate, as it must."""
    headers = [
        ("X-Proxy-Secret", settings.PROXY_SECRET),
        ("X-Client-Verify", "NONE"),
        ("X-Forwarded-Proto", "https"),
    ]
    device_api = local_probe.direct(
        local_probe.service_socket("device"), DEVICE_API_TIMEOUT_SECONDS
    )
    try:
        response = local_probe.get(device_api, "/device_endpoint", headers)
    except local_probe.PROBE_ERRORS:
        return NO_ANSWER
    if response.status == http.client.FORBIDDEN:
        return OK
    return f"answers {response.status}"


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
