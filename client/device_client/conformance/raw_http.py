"""One request, one answer over TLS, byte by byte: what a well-behaved library would hide."""

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

_SECONDS = 30.0


class Failed(Exception):
    """A check does not hold; the text says what was found instead."""


def expect(holds: object, text: str) -> None:
    """Raise ``Failed`` with ``text`` unless ``holds``."""
    if not holds:
        raise Failed(text)


@dataclass(frozen=True)
class Answer:
    """An answer as it came: header names in lower case; ``surplus`` is what followed the body."""

    status: int
    headers: dict[str, str]
    body: bytes
    surplus: bytes = b""

    @property
    def json(self) -> dict[str, object]:
        """Return the body as a JSON object, an empty one when it is anything else."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def code(self) -> str:
        """Return the code that a problem's ``type`` ends in, empty without one."""
        return str(self.json.get("type", "")).rpartition(":")[2]

    def told(self) -> str:
        """Return the answer in a few words, for the text of a check that does not hold."""
        what = self.code or self.headers.get("content-type", "no media type")
        return f"{self.status} {what}"


@dataclass(frozen=True)
class Wire:
    """The way to one server for one device. ``credentials`` None: no client certificate."""

    url: str
    authorities: Path
    credentials: Path | None = None

    @property
    def host(self) -> str:
        """Return the server's name."""
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """Return the path of the endpoint."""
        return urlsplit(self.url).path

    def context(self) -> ssl.SSLContext:
        """Return what connections are made with, to vary it before one is."""
        context = ssl.create_default_context(cafile=str(self.authorities))
        if self.credentials:
            context.load_cert_chain(self.credentials)
        return context

    @cached_property
    def _usual(self) -> ssl.SSLContext:
        return self.context()  # reading the system's authorities takes longer than a request

    def plain(self) -> socket.socket:
        """Return an open TCP connection."""
        return socket.create_connection((self.host, urlsplit(self.url).port or 443), _SECONDS)

    def connect(
        self, context: ssl.SSLContext | None = None, session: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        """Return an open TLS connection."""
        plain = self.plain()
        try:
            return (context or self._usual).wrap_socket(
                plain, server_hostname=self.host, session=session
            )
        except OSError:
            plain.close()
            raise

    def head(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        """Return the request line and header of a request."""
        lines = {"Host": urlsplit(self.url).netloc} | headers
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode("latin-1")

    def ask(
        self,
        method: str = "GET",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        path: str | None = None,
        linger: float = 0.0,
    ) -> Answer:
        """Send a request on a connection of its own and return the answer.

        ``linger`` is for how many seconds bytes after its end are waited for.
        """
        length = {"Content-Length": str(len(body))} if body or method == "POST" else {}
        head = self.head(method, path or self.path, length | (headers or {}))
        with self.connect() as connection:
            send(connection, head + body)
            return read(connection, method, linger)

    def raw(self, sent: bytes) -> Answer:
        """Send bytes as they are and return the answer."""
        with self.connect() as connection:
            send(connection, sent)
            return read(connection)


def send(connection: ssl.SSLSocket, content: bytes) -> None:
    """Send a request; a server that hangs up before its end may have answered already."""
    with suppress(ConnectionError, ssl.SSLError):
        connection.sendall(content)


def read(connection: socket.socket, method: str = "GET", linger: float = 0.0) -> Answer:
    """Return the next answer on ``connection``; ``Failed`` when it is not whole HTTP."""
    answer = http.client.HTTPResponse(connection, method=method)
    try:
        answer.begin()
        body = answer.read()
    except http.client.RemoteDisconnected:
        raise  # an OSError: hung up without a word
    except http.client.HTTPException as error:
        raise Failed(f"no whole HTTP answer came ({type(error).__name__})") from error
    headers = {name.lower(): value for name, value in answer.getheaders()}
    surplus = _surplus(connection, linger) if linger and not answer.will_close else b""
    return Answer(answer.status, headers, body, surplus)


def _surplus(connection: socket.socket, seconds: float) -> bytes:
    connection.settimeout(seconds)
    try:
        return connection.recv(200)
    except (TimeoutError, ssl.SSLError, ConnectionError):
        return b""
    finally:
        connection.settimeout(_SECONDS)
