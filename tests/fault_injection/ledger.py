"""A log of each device's requests and responses, appended to before and after each attempt.

Lines are written without buffering, so that the log is complete whatever ends the process.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Event:
    """A line of a ledger; ``kind`` is ``send``, ``response`` or ``no response``."""

    device: int
    at: float
    kind: str
    body: dict[str, Any]


class Ledger:
    def __init__(self, folder: Path, device: int) -> None:
        self.device = device
        self._path = folder / f"device-{device}.jsonl"
        self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, kind: str, **body: object) -> None:
        line = json.dumps([round(time.time(), 4), kind, body], separators=(",", ":"))
        os.write(self._handle, line.encode() + b"\n")

    def close(self) -> None:
        os.close(self._handle)


def read_events(folder: Path) -> Iterator[Event]:
    """Yield the events of all devices, each device's in order."""
    for path in sorted(folder.glob("device-*.jsonl")):
        device = int(path.stem.partition("-")[2])
        with path.open() as lines:
            for line in lines:
                at, kind, body = json.loads(line)
                yield Event(device, at, kind, body)
