"""The device API's worker sends a response in one write and closes the connection at once."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]

from device_endpoint.gunicorn_worker import DeviceWorker, ErrorLog

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield the two ends of a connection that keeps the bounds of each write."""
    client, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(10)
    with client, server:
        yield client, server


def serve(
    application: Application, connection: tuple[socket.socket, socket.socket], body: bytes
) -> None:
    client, server = connection
    client.sendall(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body))
    if body:
        client.sendall(body)
    client.shutdown(socket.SHUT_WR)  # the worker need not wait for more
    config = Config()
    worker = DeviceWorker(0, 0, [server], None, 30, config, ErrorLog(config))
    worker.wsgi = application
    with contextlib.closing(worker.tmp), socket.socket() as listener:
        worker.handle(listener, server, "")


def answer_after_reading(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> list[bytes]:
    content = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(content)))])
    return [content[:2], content[2:]]


def answer_without_reading(
    environ: dict[str, Any], start_response: Callable[..., Any]
) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"no"]


@pytest.mark.parametrize("body", [b"", b"some bytes"])
def test_a_response_is_one_write(
    connection: tuple[socket.socket, socket.socket], body: bytes
) -> None:
    serve(answer_after_reading, connection, body)
    client, server = connection
    head, _, content = client.recv(4096).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert content == body
    assert client.recv(4096) == b""
    assert server.fileno() == -1


def test_an_unread_body_does_not_reset_the_connection(
    connection: tuple[socket.socket, socket.socket],
) -> None:
    """A socket that is closed with unread bytes would give the client an error, no response."""
    serve(answer_without_reading, connection, b"bytes that the application leaves")
    client, _ = connection
    assert client.recv(4096).endswith(b"\r\n\r\nno")
    assert client.recv(4096) == b""
