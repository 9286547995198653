"""When to retry: exponential backoff with full jitter, never before the server's Retry-After."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from device_client.errors import DeviceError, ProblemResponse, ProtocolError, ServerUnreachable

_T = TypeVar("_T")


@dataclass(frozen=True)
class Backoff:
    """Delays between attempts: up to ``initial_seconds``, doubled each time, capped.

    The cap decides whether a server recovers: where so many devices wait that refusing them takes
    all of its processors' time, it accepts nothing. Ten minutes keep the refusals of 100,000
    devices below a third of two processors (docs/explanation/scaling.md).
    """

    initial_seconds: float = 1.0
    max_seconds: float = 600.0

    def choose_delay(
        self, failures: int, retry_after_seconds: float | None, rng: random.Random
    ) -> float:
        """Return the seconds to wait after ``failures`` (from 1) failures in a row.

        Full jitter spreads the delay from zero to the ceiling, so that devices that failed together
        do not return together. It is added to the server's ``Retry-After``.
        """
        ceiling = min(self.max_seconds, self.initial_seconds * 2 ** min(failures - 1, 30))
        return (retry_after_seconds or 0.0) + rng.uniform(0.0, ceiling)


def retry_after(error: DeviceError) -> float | None:
    """Return the server's ``Retry-After`` in seconds, None if it sent none."""
    return error.problem.retry_after_seconds if isinstance(error, ProblemResponse) else None


def is_transient(error: DeviceError) -> bool:
    """Whether the same request may succeed later without anybody's intervention."""
    if isinstance(error, ProblemResponse):
        return error.problem.is_transient
    return isinstance(error, ServerUnreachable | ProtocolError)


def is_busy(error: DeviceError) -> bool:
    """Whether the server answered with a transient error."""
    return isinstance(error, ProblemResponse) and error.problem.is_transient


def can_be_accepted_later(error: DeviceError) -> bool:
    """Whether the server may accept the files after any change: keep them."""
    return not (isinstance(error, ProblemResponse) and error.problem.is_permanent)


@dataclass
class RetryPolicy:
    """Retries a call after transient errors, waiting at most ``max_wait_seconds`` in total."""

    max_wait_seconds: float = 120.0
    backoff: Backoff = field(default_factory=Backoff)
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random)

    def run(
        self, call: Callable[[], _T], should_retry: Callable[[DeviceError], bool] = is_transient
    ) -> _T:
        """Call ``call`` until it succeeds and return its result.

        Raises its last ``DeviceError`` if ``should_retry`` denies another attempt, or if the next
        delay exceeds the rest of ``max_wait_seconds``.
        """
        failures, remaining = 0, self.max_wait_seconds
        while True:
            try:
                return call()
            except DeviceError as error:
                failures += 1
                delay = self.backoff.choose_delay(failures, retry_after(error), self.rng)
                if not should_retry(error) or delay > remaining:
                    raise
            remaining -= delay
            self.sleep(delay)
