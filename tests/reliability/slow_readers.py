"""Connections to the staff site that ask for an export and read slowly or not at all."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import ExitStack

from tests.support.stack import Stack

# Less than the kernel would choose: what is not read stays at the server.
RECEIVE_BUFFER_BYTES = 4096
LAST_CHUNK = b"0\r\n\r\n"


class SlowReader:
    """One connection; it has sent its request."""

    def __init__(self, stack: Stack, path: str, token: str, held: ExitStack) -> None:
        context = ssl.create_default_context(cafile=str(stack.ca_file))
        plain = held.enter_context(socket.socket())
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        plain.settimeout(60)
        plain.connect(("127.0.0.1", stack.staff_port))
        self._tls = held.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
        self._tls.sendall("\r\n".join([*lines, "", ""]).encode())

    def read_head(self) -> str:
        """Return the status line and the headers, and what came with them."""
        head = b""
        while b"\r\n\r\n" not in head:
            received = self._tls.recv(1024)
            if not received:
                break
            head += received
        return head.decode("latin-1")

    def read_slowly(self, seconds: int, bytes_a_second: int) -> int:
        """Return how many bytes arrived while it read at most so many each second."""
        received = 0
        for second in range(seconds):
            while received < (second + 1) * bytes_a_second:
                part = self._tls.recv(min(4096, (second + 1) * bytes_a_second - received))
                if not part:
                    return received
                received += len(part)
            time.sleep(1)
        return received

    def read_rest(self) -> bytes:
        """Return the last bytes of the response, b"" if the connection was reset.

        A response that is whole ends with its last chunk; the connection stays open.
        """
        end = b""
        try:
            while not end.endswith(LAST_CHUNK) and (received := self._tls.recv(1 << 16)):
                end = (end + received)[-16:]
        except OSError:
            return b""
        return end
