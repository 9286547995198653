"""gunicorn's worker classes for the two services, and its logger class for both.

nginx passes on some requests that gunicorn refuses: two content types, raw bytes in the query.
gunicorn's own response would be HTML that repeats them, and its log has the query; the worker lets
nginx answer.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]
from gunicorn.workers.sync import SyncWorker  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)

LINGER_SECONDS = 2.0
NOTIFY_SECONDS = 0.2  # less than any timeout of the master
_CHUNK_BYTES = 1 << 16


class DeviceWorker(SyncWorker):  # type: ignore[misc] # gunicorn has no types
    """A sync worker that leaves its error responses to nginx.

    A response is one write, and the connection is closed without a wait: a small upload is so
    short that gunicorn's second write and its wait for nginx to close first are a tenth of it.
    """

    _notified_at = float("-inf")

    def notify(self) -> None:
        """Show the master that the worker lives: often enough, not twice in each request."""
        now = time.monotonic()
        if now - self._notified_at >= NOTIFY_SECONDS:
            self._notified_at = now
            super().notify()

    def handle_request(
        self, listener: socket.socket, req: Any, client: socket.socket, addr: object
    ) -> None:
        """Serve a request, send the response and close the connection."""
        response = _BufferedResponse(client)
        super().handle_request(listener, req, response, addr)
        response.flush()
        if getattr(req.body.reader, "length", None) == 0:
            # The whole request was read, so that closing does not reset the connection.
            client.close()

    def handle_error(
        self, req: object, client: socket.socket, addr: object, exc: Exception
    ) -> None:
        _let_nginx_answer(client, exc)


class StaffWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """A threaded worker that leaves its error responses to nginx, and ends in its grace period.

    Python waits for the threads of a pool at its exit. One that sends to a slow reader would keep
    the worker until gunicorn's timeout kills it.
    """

    def run(self) -> None:
        """Serve until the signal to stop, then for ``graceful_timeout`` at most."""
        super().run()
        if self.nr_conns > 0:
            logger.warning("a reload or a stop has cut off %d responses", self.nr_conns)
            logging.shutdown()
            os._exit(0)

    def handle_error(
        self, req: object, client: socket.socket, addr: object, exc: Exception
    ) -> None:
        _let_nginx_answer(client, exc)


class _BufferedResponse:
    """A client's socket for gunicorn's Response; what it sends is kept until ``flush``."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._parts: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self._parts.append(data)

    def flush(self) -> None:
        self._client.sendall(b"".join(self._parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class ErrorLog(Logger):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's log without the access log, which nginx writes.

    gunicorn prepares an access log record for each request even if no handler takes it.
    """

    def access(self, resp: object, req: object, environ: object, request_time: object) -> None:
        pass

    def exception(self, msg: object, *args: object, **kwargs: object) -> None:
        """Log a traceback; leave out the request's URI, whose query may contain secrets."""
        if args and str(msg).startswith("Error handling request %s"):
            msg, args = "Error handling a request", ()
        super().exception(msg, *args, **kwargs)


def _let_nginx_answer(client: socket.socket, error: Exception) -> None:
    """Let nginx answer 400 to an invalid request and 503 to a fault, and log it without its URI."""
    is_invalid = isinstance(error, ParseException)
    if is_invalid:
        logger.warning("invalid request: %s", type(error).__name__)
    else:
        logger.error("error outside of the application", exc_info=error)
    with contextlib.suppress(OSError):
        if is_invalid:
            _redirect_internally(client, b"403 Forbidden", b"/problem/400")
        else:
            _redirect_internally(client, b"503 Service Unavailable", b"/problem/503")


def _redirect_internally(client: socket.socket, status: bytes, location: bytes) -> None:
    """Let nginx answer at ``location``; ``status`` is what its check of a body goes by."""
    client.settimeout(LINGER_SECONDS)
    client.sendall(
        b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n"
        b"X-Accel-Redirect: " + location + b"\r\n\r\n"
    )
    # Closing with an unread body would reset the connection and lose the response.
    client.shutdown(socket.SHUT_WR)
    while client.recv(_CHUNK_BYTES):
        pass
