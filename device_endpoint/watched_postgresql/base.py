"""The backend: a statement fails once the server does not answer new connections either.

A frozen server or a machine that has vanished sends nothing, not even the error of its statement
timeout, and would hold every thread of the staff site. So whoever has waited for a second and a
half opens another connection. If that gets no answer, the statement fails, and so do new
connections for a moment. A statement that only takes long goes on.
"""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar, TypeVar

import psycopg
from django.db.backends.postgresql import base
from psycopg.abc import PQGen

from ingest.storage.limited_connection import check_while_waiting

PATIENCE_SECONDS = 1.5
PROBE_SECONDS = 2
REMEMBERED_SECONDS = 2.0
_MESSAGE = "the server does not answer"

_T = TypeVar("_T")


class ServerProbe:
    """Whether the server at ``address`` answers; all connections to it share the result."""

    def __init__(self, address: dict[str, Any]) -> None:
        self._address = {**address, "connect_timeout": PROBE_SECONDS, "autocommit": True}
        self._lock = threading.Lock()
        self._asked_at = self._silent_until = 0.0

    def is_known_silent(self) -> bool:
        return time.monotonic() < self._silent_until

    def note_silence(self) -> None:
        self._silent_until = time.monotonic() + REMEMBERED_SECONDS

    def is_silent(self) -> bool:
        """Ask the server, or wait for the answer that another thread is waiting for."""
        began = time.monotonic()
        with self._lock:
            if self._asked_at < began:
                self._ask()
                self._asked_at = time.monotonic()
        return self.is_known_silent()

    def _ask(self) -> None:
        try:
            psycopg.connect(**self._address).close()
        except psycopg.errors.ConnectionTimeout:
            self.note_silence()
        except psycopg.Error:
            self._silent_until = 0.0  # it refuses, so it answers
        else:
            self._silent_until = 0.0


class WatchedConnection(psycopg.Connection[Any]):
    """A connection whose waits end with ``OperationalError`` when the server is silent."""

    probe: ServerProbe

    def wait(self, gen: PQGen[_T], *arguments: Any, **options: Any) -> _T:
        ask_at = time.monotonic() + PATIENCE_SECONDS

        def check() -> None:
            nonlocal ask_at
            if time.monotonic() > ask_at:
                if self.probe.is_silent():
                    self.pgconn.finish()
                    raise psycopg.OperationalError(_MESSAGE)
                ask_at = time.monotonic() + PATIENCE_SECONDS

        return super().wait(check_while_waiting(gen, check), *arguments, **options)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own with watched connections, in processes that have called ``watch``."""

    is_watching: ClassVar[bool] = False
    _probes: ClassVar[dict[str, ServerProbe]] = {}

    @classmethod
    def watch(cls) -> None:
        """Watch the connections that this process opens from now on."""
        cls.is_watching = True

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if not self.is_watching:
            return super().get_new_connection(conn_params)
        address = {key: value for key, value in conn_params.items() if key != "cursor_factory"}
        probe = self._probes.setdefault(self.alias, ServerProbe(address))
        if probe.is_known_silent():
            raise psycopg.OperationalError(_MESSAGE)
        try:
            connection = WatchedConnection.connect(**conn_params)
        except psycopg.errors.ConnectionTimeout:
            probe.note_silence()
            raise
        connection.probe = probe
        return connection
