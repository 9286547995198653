"""Devices that send small files as fast as they are answered, and remember each answer."""

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
    """Return a file of two lines; files of different numbers do not overlap."""
    start = START_MS + number * 2000
    return f"{start},{value}\n{start + 1000},{value}\n".encode()


@dataclass
class Sent:
    """What came back: how often each status, or ``none`` where nothing did."""

    answers: Counter[object] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)

    def of(self, status: object) -> int:
        """Return how often this was the answer."""
        return self.answers[status]


def _send(device: Device, name: str, fresh: bool, sent: Sent, ending: threading.Event) -> None:
    number = 0
    while not ending.is_set():
        number += 1
        try:
            answer = device.upload((name, None, measurement(number)))
        except (requests.RequestException, http.client.HTTPException) as error:
            sent.answers["none"] += 1
            sent.troubles.append(repr(error))
            continue
        sent.answers[answer.status_code] += 1
        if answer.status_code != 200:
            sent.troubles.append(answer.text)
        if fresh:
            device.close()


@contextmanager
def sending(devices: Sequence[Device]) -> Iterator[Sent]:
    """Let the devices send, every other one on a new connection each time."""
    sent, ending = Sent(), threading.Event()
    threads = [
        threading.Thread(target=_send, args=(device, f"load-{index}", index % 2 == 0, sent, ending))
        for index, device in enumerate(devices)
    ]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: sent.answers.total() > 0, "a first answer")
        yield sent
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def wait_for_more(sent: Sent, count: int) -> None:
    """Return when ``count`` more answers have come."""
    before = sent.answers.total()
    wait_until(lambda: sent.answers.total() >= before + count, f"{count} more answers")
