"""The files that devices send: unique, and made again from three words alone. Pure.

A value tells which device sent it, in which file, on which line, so that what is found in the
database can be traced. All timestamps lie in the past, where no clock that jumps calls them
wrong.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

# 2020-01-01T00:00Z
BASE_MS = 1_577_836_800_000
LINES = 20
BIG_LINES = 20_000
# Of a file in a series that several devices write: the next file begins this far on, so that
# each timestamp lies in four files of each device.
SHARED_STEP_MS = 5_000
_KINDS = ("own", "shared", "twin", "broken", "big")


@dataclass(frozen=True)
class File:
    """A measurement file.

    ``kind``: ``own`` files of a device never overlap; ``shared`` ones overlap each other and
    those of the other certificates of the identity; ``twin`` files are the same bytes from each
    of these; ``broken`` ones cannot be read; ``big`` ones do not fit into nginx's memory buffer.
    ``owner`` is the number of the device, of the identity in a ``twin``.
    """

    kind: str
    owner: int
    number: int

    @property
    def series(self) -> str:
        """Return the measurement's name."""
        return self.kind if self.kind in ("shared", "twin") else f"{self.kind}-{self.owner}"

    @property
    def filename(self) -> str:
        """Return a file name that tells where the file comes from."""
        return f"{self.kind}-{self.owner}-{self.number}.txt"

    @property
    def is_readable(self) -> bool:
        """Tell whether the file must be stored."""
        return self.kind != "broken"

    @property
    def spec(self) -> tuple[str, int, int]:
        """Return what makes this file again: ``File(*spec)``."""
        return self.kind, self.owner, self.number

    @cached_property
    def samples(self) -> list[tuple[int, int]]:
        """Return (timestamp, value) of each line."""
        lines = BIG_LINES if self.kind == "big" else LINES
        step = SHARED_STEP_MS if self.kind == "shared" else lines * 1000
        start = BASE_MS + self.number * step
        # Below 2**53: kept exactly.
        tag = ((_KINDS.index(self.kind) * 100 + self.owner) * 1_000_000 + self.number) * 100_000
        return [(start + line * 1000, tag + line) for line in range(lines)]

    @cached_property
    def content(self) -> bytes:
        """Return the bytes of the file."""
        text = "".join(f"{time},{value}\n" for time, value in self.samples)
        return (text if self.is_readable else text + "no sample\n").encode()

    @cached_property
    def sha256(self) -> str:
        """Return the SHA-256 of the bytes, in hex."""
        return hashlib.sha256(self.content).hexdigest()
