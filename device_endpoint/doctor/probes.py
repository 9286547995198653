"""Ways to reach the doors: through nginx with or without a certificate, and past it."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from device_endpoint import server_certificate
from device_endpoint.env import read_text

TIMEOUT_SECONDS = 10.0
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "::1", "*": "127.0.0.1"}  # noqa: S104
TROUBLE = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Answer:
    """What came back: status and the first 64 KiB of the body."""

    status: int
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_SECONDS)
        self.sock.connect(str(self._path))


def via_nginx(port: int, pair: tuple[Path, Path] | None = None) -> http.client.HTTPConnection:
    """Return a connection to nginx; ``pair`` is a client's certificate and key."""
    given = read_text("SERVER_CERTIFICATE")
    trusted = None if given else str(server_certificate.authority_path())
    context = ssl.create_default_context(cafile=trusted)
    if given:
        # Our own port: whether the certificate suits its name is looked at elsewhere.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if pair is not None:
        context.load_cert_chain(*pair)
    listened = settings.LISTEN[0]
    host = _EVERY_ADDRESS.get(listened, listened.strip("[]"))
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)


def direct(path: Path) -> http.client.HTTPConnection:
    """Return a connection to the socket of a door."""
    return _UnixConnection(path)


def in_the_clear(host: str, port: int) -> http.client.HTTPConnection:
    """Return a connection to a TCP port that speaks plain HTTP, if it does."""
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)


def ask(
    door: http.client.HTTPConnection,
    path: str,
    headers: Sequence[tuple[str, str]] = (),
) -> Answer:
    """GET ``path`` and close; raise ``OSError`` or ``http.client.HTTPException``."""
    try:
        door.putrequest("GET", path, skip_host=True)
        door.putheader("Host", f"localhost:{door.port or 80}")
        for name, value in headers:
            door.putheader(name, value)
        door.endheaders()
        answer = door.getresponse()
        return Answer(answer.status, answer.read(65536))
    finally:
        door.close()
