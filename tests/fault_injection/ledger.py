"""What a device has sent and was told: one file each, appended to before and after each try.

It is written past every buffer of the process, so that it tells the truth whatever ends it.
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
    """A line of a ledger: ``what`` is ``send``, ``answer`` or ``no answer``; ``body`` its rest."""

    device: int
    at: float
    what: str
    body: dict[str, Any]


class Ledger:
    """The file of one device."""

    def __init__(self, folder: Path, device: int) -> None:
        self.device = device
        self._path = folder / f"device-{device}.jsonl"
        self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, what: str, **body: object) -> None:
        """Append an event."""
        line = json.dumps([round(time.time(), 4), what, body], separators=(",", ":"))
        os.write(self._handle, line.encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def read(folder: Path) -> Iterator[Event]:
    """Yield the events of all devices, those of each in their order."""
    for path in sorted(folder.glob("device-*.jsonl")):
        device = int(path.stem.partition("-")[2])
        with path.open() as lines:
            for line in lines:
                at, what, body = json.loads(line)
                yield Event(device, at, what, body)
