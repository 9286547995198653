"""The simulated devices and the model of the server, as a sequence of events."""

from __future__ import annotations

import heapq
import json
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from device_client.errors import ProblemResponse
from device_client.responses import parse_problem
from device_client.retry import Backoff, is_transient, retry_after

# nginx's Retry-After of a 503 (nginx/nginx.conf.template): a fifth of the devices each.
RETRY_AFTER = (5, 10, 15, 20, 30)
BUSY = json.dumps({"type": "urn:device-endpoint:service_unavailable", "retryable": True}).encode()


@dataclass(frozen=True)
class Server:
    """What a server can do; ``seconds`` are those of its processors' time.

    ``request_seconds`` is for each accepted request with its handshake, ``file_seconds`` for each
    file in it, ``refusal_seconds`` for a handshake that ends in a 503. ``backlog`` requests wait at
    most: gunicorn's queue. nginx waits ``timeout`` seconds for an answer; the work is done anyway.
    """

    processors: float = 2.0
    request_seconds: float = 0.005
    file_seconds: float = 0.003
    refusal_seconds: float = 0.002
    backlog: int = 2048
    timeout: float = 60.0


@dataclass(frozen=True)
class Morning:
    """``devices`` wake within ``wake_seconds``, each with the ``files`` of the outage.

    Afterwards each records a file every ``interval`` seconds until ``until``. Whatever is not
    delivered by ``ends_at`` stays so: a server that only refuses never ends.
    """

    devices: int = 100_000
    wake_seconds: float = 600.0
    files: int = 4
    interval: float = 900.0
    until: float = 3600.0
    ends_at: float = 4 * 3600.0
    seed: int = 1


@dataclass
class Outcome:
    """What the devices saw: ``waits`` are the seconds from waking to the receipt of the outage.

    ``undelivered`` counts devices whose files of the outage still wait at the end, which is none.
    """

    requests: int = 0
    refusals: int = 0
    timeouts: int = 0
    longest_queue: int = 0
    most_attempts: int = 0
    drained_at: float = 0.0
    waits: list[float] = field(default_factory=list)
    undelivered: int = 0

    def quantile(self, share: float) -> float:
        """Return the wait that ``share`` of the devices do not exceed (nearest rank)."""
        ordered = sorted(self.waits)
        return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


@dataclass(slots=True)
class _Device:
    """``waiting`` files are in its spool, ``sent`` of them in the request that is under way."""

    woke_at: float
    waiting: int
    sent: int = 0
    failures: int = 0
    attempts: int = 0
    is_busy: bool = False  # a request is under way, or the pause before the next
    has_delivered: bool = False


@dataclass(slots=True)
class _Queue:
    """The server's queue, in seconds of work; a refusal delays those who wait."""

    server: Server
    done: float = 0.0  # work done since the start
    promised: float = 0.0  # work accepted since the start
    delayed: float = 0.0  # by refusals
    at: float = 0.0
    waiting: deque[tuple[float, int, float]] = field(default_factory=deque)

    def advance(self, now: float) -> list[tuple[float, int, float]]:
        """Work until ``now``; return (finished at, device, queued at) of what was done."""
        finished = []
        while self.waiting:
            target, device, queued_at = self.waiting[0]
            ready = self.at + (target + self.delayed - self.done) / self.server.processors
            if ready > now:
                break
            self.waiting.popleft()
            self.done, self.at = target + self.delayed, ready
            finished.append((ready, device, queued_at))
        if self.waiting:
            self.done += (now - self.at) * self.server.processors
        else:
            self.done = self.promised + self.delayed
        self.at = now
        return finished

    def accept(self, device: int, files: int) -> bool:
        """Take a request, or refuse it because too many wait."""
        if len(self.waiting) >= self.server.backlog:
            self.delayed += self.server.refusal_seconds
            return False
        self.promised += self.server.request_seconds + files * self.server.file_seconds
        self.waiting.append((self.promised, device, self.at))
        return True


class Simulation:
    """Devices that wake, send, are refused, wait and send again, as ``device_client`` does."""

    def __init__(self, morning: Morning, server: Server, backoff: Backoff | None = None) -> None:
        self.morning, self.queue = morning, _Queue(server)
        self.backoff = backoff or Backoff()
        self.rng = random.Random(morning.seed)  # noqa: S311 - reproducible
        self.outcome = Outcome()
        wakes = [self.rng.uniform(0, morning.wake_seconds) for _ in range(morning.devices)]
        self.devices = [_Device(woke_at, morning.files) for woke_at in wakes]
        # (when, device, whether it records a file then; else it may send again)
        self.events = [(woke_at, number, False) for number, woke_at in enumerate(wakes)]
        heapq.heapify(self.events)

    def run(self) -> Outcome:
        while self.events or self.queue.waiting:
            next_at = self.events[0][0] if self.events else float("inf")
            if self.queue.at > self.morning.ends_at:
                break
            for finished in self.queue.advance(min(next_at, self._next_finish())):
                self._answer(*finished)
            if self.events and self.events[0][0] <= self.queue.at:
                self._act(*heapq.heappop(self.events))
        self.outcome.undelivered = sum(not device.has_delivered for device in self.devices)
        return self.outcome

    def _next_finish(self) -> float:
        if not self.queue.waiting:
            return float("inf")
        left = self.queue.waiting[0][0] + self.queue.delayed - self.queue.done
        return self.queue.at + left / self.queue.server.processors

    def _act(self, now: float, number: int, records: bool) -> None:
        device = self.devices[number]
        if records:
            device.waiting += 1
            self._record_later(now, number)
            if device.is_busy:
                return  # sent with those that wait
        elif not device.attempts:
            self._record_later(now, number)
        self._send(device, number, now)

    def _record_later(self, now: float, number: int) -> None:
        if now + self.morning.interval <= self.morning.until:
            heapq.heappush(self.events, (now + self.morning.interval, number, True))

    def _send(self, device: _Device, number: int, now: float) -> None:
        self.outcome.requests += 1
        device.attempts += 1
        device.is_busy, device.sent = True, device.waiting
        if self.queue.accept(number, device.sent):
            self.outcome.longest_queue = max(self.outcome.longest_queue, len(self.queue.waiting))
        else:
            self.outcome.refusals += 1
            self._wait(device, number, now, {"Retry-After": str(self.rng.choice(RETRY_AFTER))})

    def _answer(self, finished_at: float, number: int, queued_at: float) -> None:
        device = self.devices[number]
        if finished_at - queued_at > self.queue.server.timeout:
            # The device got a 503 from nginx long ago; what it sends again is a duplicate.
            self.outcome.timeouts += 1
            answered_at = queued_at + self.queue.server.timeout
            after = {"Retry-After": str(self.rng.choice(RETRY_AFTER))}
            self._wait(device, number, answered_at, after, not_before=finished_at)
            return
        device.is_busy, device.failures = False, 0
        device.waiting -= device.sent
        if not device.has_delivered:
            device.has_delivered = True
            self.outcome.waits.append(finished_at - device.woke_at)
            self.outcome.most_attempts = max(self.outcome.most_attempts, device.attempts)
            self.outcome.drained_at = max(self.outcome.drained_at, finished_at)
        if device.waiting:
            heapq.heappush(self.events, (finished_at, number, False))
            device.is_busy = True

    def _wait(
        self,
        device: _Device,
        number: int,
        now: float,
        headers: Mapping[str, str],
        not_before: float = 0.0,
    ) -> None:
        """Let the device choose by its own code when it sends again."""
        error = ProblemResponse(parse_problem(503, headers, BUSY))
        assert is_transient(error)
        device.failures += 1
        delay = self.backoff.choose_delay(device.failures, retry_after(error), self.rng)
        heapq.heappush(self.events, (max(now + delay, not_before), number, False))
