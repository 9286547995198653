"""HTTP and TLS probes of this installation's own listeners: nginx, sockets and TCP ports.

Used by ``/readyz``, the supervisor, ``doctor`` and ``/metrics``. ``python -m
device_endpoint.local_probe`` is the health check of a container: it exits with 0 if the service
answers, with whatever status.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from django.conf import settings

from device_endpoint import server_certificate
from device_endpoint.env import read_choice, read_text, socket_folder

TIMEOUT_SECONDS = 10.0
HEALTH_CHECK_SECONDS = 4.0
POLL_INTERVAL_SECONDS = 0.05
MAX_BODY_BYTES = 65536
PROBE_ERRORS = (OSError, http.client.HTTPException)
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "[::]": "::1", "*": "127.0.0.1"}  # noqa: S104 - keys only


@dataclass(frozen=True)
class Response:
    """Status and body of a response; the body is cut off after ``MAX_BODY_BYTES``."""

    status: int
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def service_socket(service: str) -> Path:
    """Return the unix socket of ``service`` ("device" or "staff")."""
    return socket_folder("run") / f"{service}.sock"


def direct(path: Path, seconds: float = TIMEOUT_SECONDS) -> http.client.HTTPConnection:
    """Return a connection to a service's unix socket, without nginx."""
    return _UnixConnection(path, seconds)


def plain_tcp(host: str, port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)


def via_nginx(
    port: int, pair: tuple[Path, Path] | None = None, address: str | None = None
) -> http.client.HTTPConnection:
    """Return a TLS connection to nginx; ``pair`` holds the client's certificate and key files.

    ``address`` is one that nginx listens on, by default the first of ``LISTEN``.
    """
    is_own = not read_text("SERVER_CERTIFICATE")
    # A certificate from elsewhere may not name this address: its name is not checked here.
    authority = str(server_certificate.authority_path())
    context = ssl.create_default_context(cafile=authority) if is_own else unverified_context()
    if pair is not None:
        context.load_cert_chain(*pair)
    return _tls_connection(address or settings.LISTEN[0], port, context, TIMEOUT_SECONDS)


def get(
    connection: http.client.HTTPConnection, path: str, headers: Sequence[tuple[str, str]] = ()
) -> Response:
    """GET ``path`` and close the connection. Raises one of ``PROBE_ERRORS``."""
    try:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", f"localhost:{connection.port or 80}")
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Response(response.status, response.read(MAX_BODY_BYTES))
    finally:
        connection.close()


def speaks_http(
    service: str, seconds: float, still_running: Callable[[], None] = lambda: None
) -> bool:
    """Return whether ``service`` starts to answer a request at its socket within ``seconds``.

    ``still_running`` is called while waiting; it raises when the service has ended.
    """
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(str(service_socket(service)))
            connection.sendall(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n")
            while not select.select([connection], [], [], POLL_INTERVAL_SECONDS)[0]:
                still_running()
                if time.monotonic() > deadline:
                    return False
            return connection.recv(5) == b"HTTP/"
        except OSError:
            return False


def served_certificate(seconds: float = 2.0) -> x509.Certificate | None:
    """Return the certificate that nginx serves to devices, or None if nginx does not answer.

    The file may be newer than the certificate that nginx has loaded. It is not verified.
    """
    for address in settings.LISTEN:
        connection = _tls_connection(address, settings.DEVICE_PORT, unverified_context(), seconds)
        try:
            connection.connect()
            der = connection.sock.getpeercert(binary_form=True)
        except OSError:
            continue
        finally:
            connection.close()
        if der is not None:
            return x509.load_der_x509_certificate(der)
    return None


def unverified_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _tls_connection(
    address: str, port: int, context: ssl.SSLContext, seconds: float
) -> http.client.HTTPSConnection:
    host = _LOOPBACK.get(address, address.strip("[]"))
    return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)


if __name__ == "__main__":  # the health check of a container
    service = read_choice("SERVICE", "device", ("device", "staff"))
    sys.exit(0 if speaks_http(service, HEALTH_CHECK_SECONDS) else 1)
