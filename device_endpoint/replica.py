"""Route analysts' reads to a streaming replica, if one is configured, and measure its lag.

Charts, exports and the analysis API read from it; devices, logins, forms and all writes use the
primary. While the replica is unavailable, analysts get 503 and nothing falls back to the primary:
the replica exists so that reads cannot slow down the devices.
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

# Pages of analysts. Pages with forms read from the primary, as do users who have just written.
PATHS = re.compile(
    r"/api/v1/|/admin/ingest/(series|overview)/|/admin/ingest/measurement/[0-9a-f-]+/content/\Z"
)
SAFE = ("GET", "HEAD")
LOGIN = "/admin/login/"  # a login writes nothing that analysts read
AFTER_WRITING_SECONDS = 30.0
WROTE_AT = "wrote_at"
CACHE_TTL_SECONDS = 1.0
REMEASURE_AFTER_SECONDS = 0.05
UNAVAILABLE = b"The replica for analysts does not answer at the moment. Try again shortly.\n"

_LAG_SQL = """
SELECT pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery() THEN
           pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn())::bigint END,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """The replica's lag: WAL bytes not replayed, seconds since the last replayed transaction."""

    is_standby: bool
    byte_count: int
    seconds: float

    def __str__(self) -> str:
        if not self.is_standby:
            return "not a standby"
        return f"{self.seconds:.1f} s behind"


class AnalystRouter:
    """Send reads of device data to the replica while it is selected, all else to the primary."""

    def db_for_read(self, model: type[Model], **hints: object) -> str | None:
        is_device_data = model._meta.app_label == "ingest" or issubclass(model, Identity)
        return (
            read_database.REPLICA
            if is_device_data and read_database.is_replica()
            else read_database.PRIMARY
        )

    def db_for_write(self, model: type[Model], **hints: object) -> str:
        return read_database.PRIMARY

    def allow_relation(self, one: Model, other: Model, **hints: object) -> bool:
        """Return True: both databases hold the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        """Return whether ``db`` is the primary: only replication changes the replica."""
        return db == read_database.PRIMARY


class ChooseDatabase:
    """Middleware, after the session's: select the database that the request reads from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_read = request.method in SAFE and bool(PATHS.match(request.path))
        read_database.choose(replica=is_read and not _has_just_written(request))
        response = self._get_response(request)
        if read_database.is_replica():
            response.headers["X-Replica-Lag"] = describe()
        elif request.method not in SAFE and read_database.has_replica() and request.path != LOGIN:
            request.session[WROTE_AT] = time.time()
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return 503 if the replica failed."""
        if read_database.is_replica() and isinstance(error, (OperationalError, InterfaceError)):
            headers = {"Retry-After": "10", "Cache-Control": "no-store"}
            return HttpResponse(UNAVAILABLE, "text/plain", 503, headers=headers)
        return None


def _has_just_written(request: HttpRequest) -> bool:
    if not read_database.has_replica():
        return False
    return time.time() - float(request.session.get(WROTE_AT, 0.0)) < AFTER_WRITING_SECONDS


def lag_context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the replica's lag for the footer, if the page was read from it."""
    return {"replica_lag": describe()} if read_database.is_replica() else {}


# --- Lag -----------------------------------------------------------------------------------

_lock = threading.Lock()
_last: tuple[float, str] = (0.0, "")


def describe() -> str:
    """Describe the replica's lag, or that it does not answer; cached for a second."""
    global _last  # noqa: PLW0603 - one cache per process
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
    """Return the replica's lag. Raises ``django.db.Error`` if a database is unavailable."""
    lag = _measure_once()
    if lag.byte_count > 0:
        # An idle primary writes a WAL record now and then, long after its last transaction. That
        # is no lag, so measure again and take the smaller one.
        time.sleep(REMEASURE_AFTER_SECONDS)
        lag = min(lag, _measure_once(), key=lambda measured: measured.byte_count)
    return lag


def _measure_once() -> Lag:
    with connections[read_database.PRIMARY].cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn()::text")
        (written,) = cursor.fetchone()
    with connections[read_database.REPLICA].cursor() as cursor:
        cursor.execute(_LAG_SQL, [written])
        is_standby, byte_count, seconds = cursor.fetchone()
    lag_bytes = max(0, byte_count or 0)
    return Lag(is_standby, lag_bytes, max(0.0, seconds or 0.0) if lag_bytes else 0.0)
