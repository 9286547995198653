"""Raw HTTP over TLS: send any bytes and see the whole response, which HTTP libraries hide."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 30.0


class CheckFailed(Exception):
    """A check has failed; the text says what was found instead."""


def expect(condition: object, text: str) -> None:
    """Raise ``CheckFailed`` with ``text`` unless ``condition`` holds."""
    if not condition:
        raise CheckFailed(text)


@dataclass(frozen=True)
class Response:
    """A response; header names in lower case, ``surplus`` holds bytes after the body."""

    status: int
    headers: dict[str, str]
    body: bytes
    surplus: bytes = b""

    @property
    def json(self) -> dict[str, object]:
        """The body as a JSON object, empty if it is anything else."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def code(self) -> str:
        """The code at the end of a problem's ``type``, empty without one."""
        return str(self.json.get("type", "")).rpartition(":")[2]

    def describe(self) -> str:
        """Return status and code, for the text of a failed check."""
        summary = self.code or self.headers.get("content-type", "no media type")
        return f"{self.status} {summary}"


@dataclass(frozen=True)
class RawClient:
    """A client of one server for one device; without ``credentials``, no client certificate."""

    url: str
    authorities: Path
    credentials: Path | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def make_context(self) -> ssl.SSLContext:
        """Make a TLS context, which a check may change before it connects."""
        context = ssl.create_default_context(cafile=str(self.authorities))
        if self.credentials:
            context.load_cert_chain(self.credentials)
        return context

    @cached_property
    def _default_context(self) -> ssl.SSLContext:
        return self.make_context()  # reading the system's authorities takes longer than a request

    def connect_plain(self) -> socket.socket:
        return socket.create_connection(
            (self.host, urlsplit(self.url).port or 443), _TIMEOUT_SECONDS
        )

    def connect(
        self, context: ssl.SSLContext | None = None, session: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        plain = self.connect_plain()
        try:
            return (context or self._default_context).wrap_socket(
                plain, server_hostname=self.host, session=session
            )
        except OSError:
            plain.close()
            raise

    def format_head(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        """Return the request line and headers as bytes."""
        lines = {"Host": urlsplit(self.url).netloc} | headers
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode("latin-1")

    def request(
        self,
        method: str = "GET",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        path: str | None = None,
        surplus_seconds: float = 0.0,
    ) -> Response:
        """Send a request on a new connection and return the response.

        Bytes after the response's end are collected for ``surplus_seconds``.
        """
        length = {"Content-Length": str(len(body))} if body or method == "POST" else {}
        head = self.format_head(method, path or self.path, length | (headers or {}))
        with self.connect() as connection:
            send(connection, head + body)
            return read(connection, method, surplus_seconds)

    def send_raw(self, request: bytes) -> Response:
        """Send ``request`` unchanged on a new connection and return the response."""
        with self.connect() as connection:
            send(connection, request)
            return read(connection)


def send(connection: ssl.SSLSocket, content: bytes) -> None:
    """Send a request; ignore a closed connection, since the server may have answered early."""
    with suppress(ConnectionError, ssl.SSLError):
        connection.sendall(content)


def read(connection: socket.socket, method: str = "GET", surplus_seconds: float = 0.0) -> Response:
    """Return the next response; raise ``CheckFailed`` if it is no complete HTTP."""
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        body = response.read()
    except http.client.RemoteDisconnected:
        raise  # an OSError: the server closed the connection without a response
    except http.client.HTTPException as error:
        raise CheckFailed(f"no complete HTTP response ({type(error).__name__})") from error
    headers = {name.lower(): value for name, value in response.getheaders()}
    can_follow = surplus_seconds and not response.will_close
    surplus = _read_surplus(connection, surplus_seconds) if can_follow else b""
    return Response(response.status, headers, body, surplus)


def _read_surplus(connection: socket.socket, seconds: float) -> bytes:
    connection.settimeout(seconds)
    try:
        return connection.recv(200)
    except (TimeoutError, ssl.SSLError, ConnectionError):
        return b""
    finally:
        connection.settimeout(_TIMEOUT_SECONDS)
