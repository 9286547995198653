"""Analysts read from a replica, where there is one: who does, and how far it is behind.

Charts, exports and the read API read there; devices, logins, forms and everything that is written
stay with the primary. While the replica is away analysts are told so (503) and nothing falls back:
it is there so that no reading, however much, can slow the devices down.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import Error, InterfaceError, OperationalError, connections
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from analysis.queries import read_database
from identities.models import Identity

# What analysts look at. Pages with forms are left out, and so is what follows a form for a while.
PATHS = re.compile(
    r"/api/v1/|/admin/ingest/(series|overview)/|/admin/ingest/measurement/[0-9a-f-]+/content/\Z"
)
SAFE = ("GET", "HEAD")
LOGIN = "/admin/login/"  # nothing that analysts look at is written there
AFTER_WRITING_SECONDS = 30.0
WROTE_AT = "wrote_at"
CACHE_TTL_SECONDS = 1.0
SECOND_LOOK_SECONDS = 0.05
AWAY = b"The replica that analysts read from does not answer at the moment. Try again shortly.\n"

_BEHIND = """
SELECT pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery() THEN
           pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn())::bigint END,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the replica is behind: bytes of the log, and seconds since what it has replayed."""

    is_standby: bool
    byte_count: int
    seconds: float

    def __str__(self) -> str:
        if not self.is_standby:
            return "not a standby"
        return f"{self.seconds:.1f} s behind"


class AnalystRouter:
    """Sends reads of what devices sent to the replica while it is chosen; nothing else."""

    def db_for_read(self, model: type[Model], **hints: object) -> str | None:
        """Return the replica for models of measurements while it is chosen."""
        analysts = model._meta.app_label == "ingest" or issubclass(model, Identity)
        return (
            read_database.REPLICA
            if analysts and read_database.is_replica()
            else read_database.PRIMARY
        )

    def db_for_write(self, model: type[Model], **hints: object) -> str:
        """Return the primary, wherever a row was read."""
        return read_database.PRIMARY

    def allow_relation(self, one: Model, other: Model, **hints: object) -> bool:
        """Return True: both hold the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        """Return whether it is the primary: the replica is changed by replication alone."""
        return db == read_database.PRIMARY


class ChooseDatabase:
    """Middleware, after the session's: chooses what the request reads from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Choose, pass the request on, and tell in the answer how old it is."""
        wanted = request.method in SAFE and bool(PATHS.match(request.path))
        read_database.choose(replica=wanted and not _has_just_written(request))
        response = self._get_response(request)
        if read_database.is_replica():
            response.headers["X-Replica-Lag"] = describe()
        elif request.method not in SAFE and read_database.has_replica() and request.path != LOGIN:
            request.session[WROTE_AT] = time.time()
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return 503 where the replica, and nothing else, is what failed."""
        if read_database.is_replica() and isinstance(error, (OperationalError, InterfaceError)):
            headers = {"Retry-After": "10", "Cache-Control": "no-store"}
            return HttpResponse(AWAY, "text/plain", 503, headers=headers)
        return None


def _has_just_written(request: HttpRequest) -> bool:
    if not read_database.has_replica():
        return False
    return time.time() - float(request.session.get(WROTE_AT, 0.0)) < AFTER_WRITING_SECONDS


def shown(request: HttpRequest) -> dict[str, Any]:
    """Return what the foot of a page says of the replica that it was read from (a processor)."""
    return {"replica_lag": describe()} if read_database.is_replica() else {}


# --- How far behind ------------------------------------------------------------------------

_lock = threading.Lock()
_last: tuple[float, str] = (0.0, "")


def describe() -> str:
    """Return how far behind the replica is, or that it does not answer; known for a second."""
    global _last  # noqa: PLW0603 - one for the process
    with _lock:
        if time.monotonic() - _last[0] > CACHE_TTL_SECONDS:
            try:
                text = str(measure())
            except Error:
                connections[read_database.REPLICA].close()
                text = "no answer"
            _last = (time.monotonic(), text)
        return _last[1]


def measure() -> Lag:
    """Return how far behind the replica is. Raises ``django.db.Error`` where one is away."""
    found = _measure_once()
    if found.byte_count > 0:
        # A primary that has nothing to do writes a line of its log now and then, and the last
        # transaction before it is long ago: that is no lag.
        time.sleep(SECOND_LOOK_SECONDS)
        found = min(found, _measure_once(), key=lambda lag: lag.byte_count)
    return found


def _measure_once() -> Lag:
    with connections[read_database.PRIMARY].cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn()::text")
        (written,) = cursor.fetchone()
    with connections[read_database.REPLICA].cursor() as cursor:
        cursor.execute(_BEHIND, [written])
        is_standby, byte_count, seconds = cursor.fetchone()
    behind = max(0, byte_count or 0)
    return Lag(is_standby, behind, max(0.0, seconds or 0.0) if behind else 0.0)
