"""When to try again: growing pauses with full jitter, never earlier than the server asked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from device_client.errors import BadAnswer, DeviceError, Refused, Unreachable

_T = TypeVar("_T")


@dataclass(frozen=True)
class Backoff:
    """Pauses between tries, in seconds: up to ``first``, doubled each time, up to ``longest``."""

    first: float = 1.0
    longest: float = 60.0

    def pause(self, failures: int, retry_after_s: float | None, chance: random.Random) -> float:
        """Return how many seconds to wait after ``failures`` (from 1) failures in a row.

        Full jitter: anywhere between nothing and the ceiling, so that devices which failed
        together do not come back together. A ``Retry-After`` is waited out first.
        """
        ceiling = min(self.longest, self.first * 2 ** min(failures - 1, 30))
        return (retry_after_s or 0.0) + chance.uniform(0.0, ceiling)


def wish(error: DeviceError) -> float | None:
    """Return the server's ``Retry-After`` in seconds, None when it told none."""
    return error.problem.retry_after_s if isinstance(error, Refused) else None


def may_pass(error: DeviceError) -> bool:
    """Tell whether the same request may succeed later without anybody's doing."""
    if isinstance(error, Refused):
        return error.problem.is_passing
    return isinstance(error, Unreachable | BadAnswer)


def is_worth_keeping(error: DeviceError) -> bool:
    """Tell whether files that met ``error`` may be accepted one day, by whatever change."""
    return not (isinstance(error, Refused) and error.problem.is_final)


@dataclass
class Patience:
    """Trying again while trouble may pass, for at most ``seconds`` of waiting in all."""

    seconds: float = 120.0
    backoff: Backoff = field(default_factory=Backoff)
    sleep: Callable[[float], None] = time.sleep
    chance: random.Random = field(default_factory=random.Random)

    def keep_trying(
        self, act: Callable[[], _T], worth: Callable[[DeviceError], bool] = may_pass
    ) -> _T:
        """Return what ``act`` returns once it succeeds.

        Raises its last ``DeviceError`` when ``worth`` finds no sense in another try, or when
        the next pause would exceed what is left of ``seconds``.
        """
        failures, left = 0, self.seconds
        while True:
            try:
                return act()
            except DeviceError as error:
                failures += 1
                pause = self.backoff.pause(failures, wish(error), self.chance)
                if not worth(error) or pause > left:
                    raise
            left -= pause
            self.sleep(pause)
