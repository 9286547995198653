"""A limit on the rows that a process writes in a minute."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class MinuteLimit:
    """Counts rows in windows of a minute that begin with the first row."""

    max_per_minute: int
    window_started: float = 0.0
    in_window: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_place(self) -> bool:
        """Return whether another row may be written in this minute, and count it."""
        with self.lock:
            now = time.monotonic()
            if now - self.window_started >= 60:
                self.window_started, self.in_window = now, 0
            if self.in_window >= self.max_per_minute:
                return False
            self.in_window += 1
            return True
