"""A device that sends without end, and repeats as docs/reference/protocol.md asks."""

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
from tests.fault_injection.response_log import Answer, understand
from tests.support.devices import Device, multipart

BOUNDARY = "----a-boundary-of-the-checker"
ANSWER_SECONDS = 30.0


class CutOff(Exception):
    """The device itself cut the connection, as the injector had asked it to."""


class Sender(threading.Thread):
    """A bound device with files to send; ``patience`` scales all the waiting that is asked of it.

    ``other`` numbers the device of the same identity: its twin.
    """

    def __init__(
        self, device: Device, number: int, folder: Path, seed: int, patience: float
    ) -> None:
        super().__init__(name=f"device-{number}", daemon=True)
        self.ledger = Ledger(folder, number)
        self.number = number
        self.identity = number // 2
        self.ending = threading.Event()
        self.cuts: list[str] = []  # what to do to the next requests: "upload" or "answer"
        self._device = device
        self._random = random.Random(f"{seed}/{number}")  # noqa: S311 - to be repeated
        self._patience = patience
        self._tls = device.tls()
        self._connection: ssl.SSLSocket | None = None
        self._next = dict.fromkeys(("own", "shared", "twin", "broken", "big"), 0)
        self._sent: list[File] = []
        self.stuck = ""

    def run(self) -> None:
        """Send until asked to end; what has been begun is finished."""
        requests = 0
        while not self.ending.is_set():
            requests += 1
            self._deliver(requests, self._choose())
        self._drop()
        self.ledger.close()

    # --- What is sent --------------------------------------------------------------------------
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

    # --- Until it has been answered for good ---------------------------------------------------
    def _deliver(self, request: int, files: Sequence[File]) -> None:
        body = _framed(files)
        given_up = None
        tries = 0
        while True:
            tries += 1
            self.ledger.write("send", n=request, files=[file.spec for file in files])
            answer = self._try(request, body)
            if answer is not None and not answer.retryable and answer.status < 500:
                return
            if self.ending.is_set():
                given_up = given_up or time.monotonic() + 90.0
                if time.monotonic() > given_up:
                    self.stuck = f"request {request} of device {self.number}: {answer}"
                    return
            self._wait(tries, answer)

    def _try(self, request: int, body: bytes) -> Answer | None:
        try:
            answer = self._exchange(body)
        except (OSError, http.client.HTTPException, CutOff) as error:
            self._drop()
            self.ledger.write("no answer", n=request, why=type(error).__name__)
            return None
        self.ledger.write(
            "answer",
            n=request,
            status=answer.status,
            code=answer.code,
            fault=answer.fault,
            files=answer.receipts,
        )
        return answer

    def _wait(self, tries: int, answer: Answer | None) -> None:
        """Wait as long as was asked for, and a random time more."""
        asked = (answer.retry_after if answer else None) or 0
        more = self._random.uniform(0.2, min(30.0, 1.0 * 2**tries))
        seconds = min((asked + more) * self._patience, 30.0)
        # Woken when the run ends, so that the last files are delivered soon.
        if self.ending.wait(seconds):
            time.sleep(0.3)

    # --- One exchange --------------------------------------------------------------------------
    def _exchange(self, body: bytes) -> Answer:
        head = (
            "POST /device_endpoint HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        # Some devices keep their connection, some open one each time.
        if self._connection is None or self.number % 4 == 3 or _is_closed(self._connection):
            self._drop()
            self._connection = self._device.connect(context=self._tls)
            self._connection.settimeout(ANSWER_SECONDS)
        cut = self.cuts.pop() if self.cuts else ""
        if cut == "upload":
            self._connection.sendall((head + body)[: len(head) + len(body) // 2])
            self._reset()
        self._connection.sendall(head + body)
        if cut == "answer":
            self._reset()
        answer = http.client.HTTPResponse(self._connection)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        understood = understand(answer.status, headers, answer.read())
        if answer.will_close:
            self._drop()
        return understood

    def _reset(self) -> None:
        assert self._connection is not None
        linger = struct.pack("ii", 1, 0)  # close() sends RST
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise CutOff

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _framed(files: Sequence[File]) -> bytes:
    return multipart([(file.series, file.filename, file.content) for file in files], BOUNDARY)


def _is_closed(connection: ssl.SSLSocket) -> bool:
    """Tell whether the server has closed a connection that is not in use."""
    connection.setblocking(False)
    try:
        # Between answers nothing but an end can come (or a TLS 1.3 ticket, which reads as none).
        return connection.recv(1) == b""
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(ANSWER_SECONDS)
