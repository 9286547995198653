"""Many slow connections to the device API, all from an address of their own."""

from __future__ import annotations

import select
import socket
import ssl
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.devices import Device

ADDRESS = "127.0.0.2"  # a neighbour on the loopback: limits by address are not the devices'
HEAD = b"POST /device_endpoint HTTP/1.1\r\nHost: localhost\r\n"
BODY = (
    HEAD + b"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 5000\r\n\r\n--B\r\n"
)


@dataclass
class Crowd:
    """Connections of one device; each has sent ``opening`` and then goes on byte by byte."""

    device: Device
    opening: bytes
    held: ExitStack
    connections: list[socket.socket] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)

    def gather(self, count: int, *, tls: bool = True) -> None:
        """Open ``count`` connections more and send the opening on each.

        On a busy machine that may take longer than nginx waits, so those that are there drip.
        """
        context = self.device.tls()
        port = urlsplit(self.device.url).port
        for number in range(count):
            if number % 16 == 15 and self.opening == BODY:
                self.drip()
            plain = socket.create_connection(("127.0.0.1", port), 30, (ADDRESS, 0))
            one = self.held.enter_context(plain)
            if tls:
                one = self.held.enter_context(
                    context.wrap_socket(plain, server_hostname="localhost")
                )
            if self.opening:
                one.sendall(self.opening)
            one.setblocking(False)  # what TLS says by itself is no answer to wait for
            self.connections.append(one)

    def drip(self) -> None:
        """Send one byte more on each connection that is still open."""
        for one in self.connections:
            with suppress(OSError):  # closed in the meantime: ``listen`` finds out
                one.send(b"a")

    def listen(self) -> None:
        """Drop the connections that were closed or answered; keep the answers."""
        readable = select.select(self.connections, [], [], 0)[0]
        for one in readable:
            try:
                answer = one.recv(100_000)
            except ssl.SSLWantReadError:
                continue
            except OSError:
                answer = b""
            self.answers.append(answer)
            self.connections.remove(one)
