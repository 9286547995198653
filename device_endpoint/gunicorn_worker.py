"""The device door's gunicorn worker: what gunicorn itself refuses is answered by nginx, in JSON.

nginx lets some requests through that gunicorn does not take: two content types, raw bytes in the
query. Its own answer would be HTML that repeats them.
"""

from __future__ import annotations

import contextlib
import logging
import socket

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.workers.sync import SyncWorker  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)

LINGER_SECONDS = 2.0
_CHUNK = 1 << 16


class DeviceWorker(SyncWorker):  # type: ignore[misc] # gunicorn has no types
    """A sync worker that leaves the wording of its refusals to nginx."""

    def handle_error(
        self, req: object, client: socket.socket, addr: object, exc: Exception
    ) -> None:
        """Answer 400 to what is no request, 503 to a fault; the text is one of nginx's own."""
        is_refusal = isinstance(exc, ParseException)
        if is_refusal:
            logger.warning("not a request: %s", type(exc).__name__)
        else:
            logger.error("error outside of the application", exc_info=exc)
        with contextlib.suppress(OSError):
            _answer(client, "/problem/400" if is_refusal else "/problem/503")


def _answer(client: socket.socket, location: str) -> None:
    client.settimeout(LINGER_SECONDS)
    client.sendall(
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n"
        b"X-Accel-Redirect: " + location.encode() + b"\r\n\r\n"
    )
    # Closed with a body unread, the connection would be reset and the answer lost.
    client.shutdown(socket.SHUT_WR)
    while client.recv(_CHUNK):
        pass
