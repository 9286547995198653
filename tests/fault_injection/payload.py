"""The files that devices send: unique, and reproducible from kind, owner and number.

A value encodes its device, file and line, so that each stored sample can be traced. All timestamps
are old enough to be accepted when the clock jumps.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

# 2020-01-01T00:00Z
BASE_MS = 1_577_836_800_000
LINES = 20
BIG_LINES = 20_000
# The distance between the starts of two files in a shared series: each timestamp is in four files
# of each device.
SHARED_STEP_MS = 5_000
_KINDS = ("own", "shared", "twin", "broken", "big")


@dataclass(frozen=True)
class File:
    """A measurement file.

    ``kind``: ``own`` files of a device never overlap; ``shared`` ones overlap each other and those
    of the identity's other certificates; ``twin`` files have the same bytes from each of these;
    ``broken`` ones are unreadable; ``big`` ones exceed nginx's memory buffer.
    ``owner`` is the number of the device, for ``twin`` files that of the identity.
    """

    kind: str
    owner: int
    number: int

    @property
    def series(self) -> str:
        return self.kind if self.kind in ("shared", "twin") else f"{self.kind}-{self.owner}"

    @property
    def filename(self) -> str:
        return f"{self.kind}-{self.owner}-{self.number}.txt"

    @property
    def is_readable(self) -> bool:
        """Whether the file must be stored."""
        return self.kind != "broken"

    @property
    def spec(self) -> tuple[str, int, int]:
        """The arguments that reproduce this file: ``File(*spec)``."""
        return self.kind, self.owner, self.number

    @cached_property
    def samples(self) -> list[tuple[int, int]]:
        """(timestamp in milliseconds, value) of each line."""
        lines = BIG_LINES if self.kind == "big" else LINES
        step = SHARED_STEP_MS if self.kind == "shared" else lines * 1000
        start = BASE_MS + self.number * step
        # Below 2**53, so exact as a double.
        tag = ((_KINDS.index(self.kind) * 100 + self.owner) * 1_000_000 + self.number) * 100_000
        return [(start + line * 1000, tag + line) for line in range(lines)]

    @cached_property
    def content(self) -> bytes:
        text = "".join(f"{time},{value}\n" for time, value in self.samples)
        return (text if self.is_readable else text + "no sample\n").encode()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()
