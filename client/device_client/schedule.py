"""Which seconds each upload of a simulated device holds, and when it is sent.

Pure. Samples are one second apart, so an upload of n samples covers n seconds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """``uploads`` recordings (0: without end) of ``samples`` seconds each.

    ``start_ms`` is the moment of the first upload, ``interval_s`` the least time between two.
    Each recording continues where the one before ended, and the last ends when it is sent.
    Where ``interval_s`` is longer than a recording, the device rests in between.
    """

    start_ms: int
    samples: int
    uploads: int
    interval_s: float

    def due_ms(self, index: int) -> int:
        """Return when the upload ``index`` (from 0) is sent, in epoch milliseconds."""
        # An endless recording cannot run ahead of the clock; a limited one begins in the past.
        pace = max(self.interval_s, self.samples) if self.uploads == 0 else self.interval_s
        return self.start_ms + round(index * pace * 1000)

    def end_ms(self, index: int) -> int:
        """Return the time of the last sample of the upload ``index``, on a whole second."""
        ahead = max(self.samples - self.interval_s, 0.0)
        behind = 0.0 if self.uploads == 0 else (self.uploads - 1 - index) * ahead
        return (self.due_ms(index) - round(behind * 1000)) // 1000 * 1000
