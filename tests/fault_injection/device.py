"""A device that sends continuously and retries as docs/reference/protocol.md requires."""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fault_injection.ledger import Ledger
from tests.fault_injection.payload import File
from tests.fault_injection.response_log import Response, parse_response
from tests.support.devices import Device, multipart

BOUNDARY = "----fault-injection-boundary"
RESPONSE_TIMEOUT_SECONDS = 30.0
FINISH_TIMEOUT_SECONDS = 90.0


class ConnectionCut(Exception):
    """The device cut the connection itself, as the injector requested."""


class Sender(threading.Thread):
    """A registered device that sends files; ``wait_factor`` scales its waits between attempts."""

    def __init__(
        self, device: Device, number: int, folder: Path, seed: int, wait_factor: float
    ) -> None:
        super().__init__(name=f"device-{number}", daemon=True)
        self.ledger = Ledger(folder, number)
        self.number = number
        self.identity = number // 2
        self.stopping = threading.Event()
        self.cuts: list[str] = []  # where to cut the next requests: "upload" or "answer"
        self._device = device
        self._random = random.Random(f"{seed}/{number}")  # noqa: S311 - reproducible
        self._wait_factor = wait_factor
        self._tls = device.tls()
        self._connection: ssl.SSLSocket | None = None
        self._next = dict.fromkeys(("own", "shared", "twin", "broken", "big"), 0)
        self._sent: list[File] = []
        self.stuck = ""

    def run(self) -> None:
        """Send until ``stopping`` is set, then finish the request in progress."""
        requests = 0
        while not self.stopping.is_set():
            requests += 1
            self._deliver(requests, self._choose())
        self._drop()
        self.ledger.close()

    def _choose(self) -> list[File]:
        number = self._random.random()
        if number < 0.02 and self._sent:
            return [self._random.choice(self._sent)]
        for limit, kinds in (
            (0.50, ["own"]),
            (0.68, ["shared"]),
            (0.86, ["twin"]),
            (0.92, ["own", "shared", "twin"]),
            (0.95, ["own", "broken"]),
            (0.995, ["broken"]),
        ):
            if number < limit:
                return [self._make(kind) for kind in kinds]
        return [self._make("big")]

    def _make(self, kind: str) -> File:
        self._next[kind] += 1
        owner = self.identity if kind == "twin" else self.number
        file = File(kind, owner, self._next[kind])
        if len(self._sent) < 200:
            self._sent.append(file)
        return file

    def _deliver(self, request: int, files: Sequence[File]) -> None:
        body = _frame(files)
        deadline = None
        attempts = 0
        while True:
            attempts += 1
            self.ledger.write("send", n=request, files=[file.spec for file in files])
            response = self._attempt(request, body)
            if response is not None and not response.retryable and response.status < 500:
                return
            if self.stopping.is_set():
                deadline = deadline or time.monotonic() + FINISH_TIMEOUT_SECONDS
                if time.monotonic() > deadline:
                    self.stuck = f"request {request} of device {self.number}: {response}"
                    return
            self._wait(attempts, response)

    def _attempt(self, request: int, body: bytes) -> Response | None:
        try:
            response = self._exchange(body)
        except (OSError, http.client.HTTPException, ConnectionCut) as error:
            self._drop()
            self.ledger.write("no response", n=request, error=type(error).__name__)
            return None
        self.ledger.write(
            "response",
            n=request,
            status=response.status,
            code=response.code,
            defect=response.defect,
            files=response.receipts,
        )
        return response

    def _wait(self, attempts: int, response: Response | None) -> None:
        """Wait for Retry-After and a random backoff."""
        retry_after = (response.retry_after if response else None) or 0
        backoff = self._random.uniform(0.2, min(30.0, 1.0 * 2**attempts))
        seconds = min((retry_after + backoff) * self._wait_factor, 30.0)
        # Interrupted when the run ends, so that the last files are delivered soon.
        if self.stopping.wait(seconds):
            time.sleep(0.3)

    def _exchange(self, body: bytes) -> Response:
        head = (
            "POST /device_endpoint HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        # One device in four opens a connection for each request.
        if self._connection is None or self.number % 4 == 3 or _is_closed(self._connection):
            self._drop()
            self._connection = self._device.connect(context=self._tls)
            self._connection.settimeout(RESPONSE_TIMEOUT_SECONDS)
        cut = self.cuts.pop() if self.cuts else ""
        if cut == "upload":
            self._connection.sendall((head + body)[: len(head) + len(body) // 2])
            self._reset()
        self._connection.sendall(head + body)
        if cut == "answer":
            self._reset()
        response = http.client.HTTPResponse(self._connection)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        parsed = parse_response(response.status, headers, response.read())
        if response.will_close:
            self._drop()
        return parsed

    def _reset(self) -> None:
        assert self._connection is not None
        linger = struct.pack("ii", 1, 0)  # close() sends RST
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise ConnectionCut

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _frame(files: Sequence[File]) -> bytes:
    return multipart([(file.series, file.filename, file.content) for file in files], BOUNDARY)


def _is_closed(connection: ssl.SSLSocket) -> bool:
    """Whether the server has closed the idle connection."""
    connection.setblocking(False)
    try:
        # Between responses only an end of file can arrive, or a TLS 1.3 ticket, which has no data.
        return connection.recv(1) == b""
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(RESPONSE_TIMEOUT_SECONDS)
