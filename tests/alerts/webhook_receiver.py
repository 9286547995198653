"""An HTTP server that records the webhook's requests and responds with a chosen status."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


@dataclass(frozen=True)
class Call:
    """A recorded request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    def events(self) -> list[tuple[str, str, str | None]]:
        """Return event, identity and series of each event."""
        return [(e["event"], e["identity"], e["series"]) for e in self.document["events"]]


class Receiver(ThreadingHTTPServer):
    """Records each request and responds with ``status``; a redirect leads to itself."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.calls: list[Call] = []
        self.status = 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?key=in-the-address"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = cast(Receiver, self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.calls.append(Call(self.path, headers, body))
        self.send_response(receiver.status)
        if 300 <= receiver.status < 400:
            self.send_header("Location", f"{receiver.url}&redirected=1")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Log nothing."""


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver in a thread, on ``port`` if that is given."""
    with Receiver(port) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.05,))
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()
