"""A load of small files, sent by devices one after the other, with a record of the responses."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from tests.support.devices import Device
from tests.support.stack import wait_until

START_MS = 1_577_836_800_000


def measurement(number: int, value: int = 60) -> bytes:
    """Return a file of two samples; files of different numbers do not overlap."""
    start = START_MS + number * 2000
    return f"{start},{value}\n{start + 1000},{value}\n".encode()


@dataclass
class LoadResult:
    """The number of responses by status, ``none`` for lost ones, and the errors."""

    statuses: Counter[object] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def count(self, status: object) -> int:
        return self.statuses[status]


def _send(
    device: Device, name: str, reconnects: bool, result: LoadResult, stopping: threading.Event
) -> None:
    number = 0
    while not stopping.is_set():
        number += 1
        try:
            response = device.upload((name, None, measurement(number)))
        except (requests.RequestException, http.client.HTTPException) as error:
            result.statuses["none"] += 1
            result.errors.append(repr(error))
            continue
        result.statuses[response.status_code] += 1
        if response.status_code != 200:
            result.errors.append(response.text)
        if reconnects:
            device.close()


@contextmanager
def send_load(devices: Sequence[Device]) -> Iterator[LoadResult]:
    """Let the devices send; every other one opens a connection for each file."""
    result, stopping = LoadResult(), threading.Event()
    threads = [
        threading.Thread(
            target=_send, args=(device, f"load-{index}", index % 2 == 0, result, stopping)
        )
        for index, device in enumerate(devices)
    ]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: result.statuses.total() > 0, "a first response")
        yield result
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def wait_for_responses(result: LoadResult, count: int) -> None:
    """Wait until ``count`` more responses have arrived."""
    before = result.statuses.total()
    wait_until(lambda: result.statuses.total() >= before + count, f"{count} more responses")
