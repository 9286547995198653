"""A simulated device: a synthetic heart rate, and acceleration, in files sent on schedule."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from device_client.delivery import Deliverer
from device_client.errors import (
    CertificateNotTrusted,
    DeviceError,
    ProblemResponse,
    StateError,
)
from device_client.filenames import make_dated_filename
from device_client.multipart import FilePart
from device_client.retry import (
    Backoff,
    RetryPolicy,
    can_be_accepted_later,
    is_transient,
    retry_after,
)
from device_client.spool import Spool
from device_client.synthetic_data import make_acceleration_file, make_file

SIMULATED_NAME = "hr_measurement"
ACCELERATION_NAME = "acc"
# A device whose disk is full tries to record again after so long.
_FULL_DISK_SECONDS = 60.0


@dataclass(frozen=True)
class Schedule:
    """When each file of a simulated device is sent, and which seconds it covers.

    ``uploads`` files (0: without end) of ``samples`` samples, one a second. The first file is sent
    at ``start_ms``, the others at least ``interval_seconds`` apart. Each file continues where the
    previous one ended, and the last one ends when it is sent. If ``interval_seconds`` is longer
    than a file, the device pauses in between.
    """

    start_ms: int
    samples: int
    uploads: int
    interval_seconds: float

    def due_ms(self, index: int) -> int:
        """Return when the file ``index`` (from 0) is sent, in epoch milliseconds."""
        # An endless device records in real time; a limited one starts in the past.
        pace = (
            max(self.interval_seconds, self.samples) if self.uploads == 0 else self.interval_seconds
        )
        return self.start_ms + round(index * pace * 1000)

    def end_ms(self, index: int) -> int:
        """Return the time of the last sample of the file ``index``, on a whole second."""
        ahead = max(self.samples - self.interval_seconds, 0.0)
        behind = 0.0 if self.uploads == 0 else (self.uploads - 1 - index) * ahead
        return (self.due_ms(index) - round(behind * 1000)) // 1000 * 1000


@dataclass
class Simulation:
    """Adds files to ``spool`` by ``schedule`` and sends them with ``deliverer``.

    With ``acceleration_hz`` there is a file of three-axis acceleration beside each heart rate.
    ``clock`` returns epoch seconds. ``before_sending`` is called before each attempt to send.
    ``on_error`` is called with each error after which an endless simulation continues.
    """

    schedule: Schedule
    seed: int
    spool: Spool
    deliverer: Deliverer
    retry_policy: RetryPolicy
    on_error: Callable[[DeviceError], None]
    acceleration_hz: int = 0
    before_sending: Callable[[], None] = lambda: None
    backoff: Backoff = field(default_factory=Backoff)
    clock: Callable[[], float] = time.time

    def run(self) -> None:
        """Send all files, or continue until interrupted if the schedule is endless.

        A limited run raises ``DeviceError`` when its retries are exhausted. An endless run keeps
        recording and sends the files when the server accepts them.
        """
        if self.schedule.uploads == 0:
            self._run_endless()
        for index in range(self.schedule.uploads):
            self._sleep_until(self.schedule.due_ms(index) / 1000)
            self._record(index)
            self.before_sending()
            self.retry_policy.run(self.deliverer.send_pending)

    def _record(self, index: int) -> None:
        end_ms = self.schedule.end_ms(index)
        content = make_file(self.seed, end_ms, self.schedule.samples)
        filename = make_dated_filename(SIMULATED_NAME, end_ms)
        self.spool.add(FilePart(SIMULATED_NAME, filename, content))
        if self.acceleration_hz:
            acceleration = make_acceleration_file(
                self.seed, end_ms, self.schedule.samples, self.acceleration_hz
            )
            filename = make_dated_filename(ACCELERATION_NAME, end_ms)
            self.spool.add(FilePart(ACCELERATION_NAME, filename, acceleration))

    def _run_endless(self) -> None:
        index, failures, retry_at = 0, 0, 0.0
        while True:
            index, disk_error = self._record_due_files(index)
            if self.clock() >= retry_at:
                self.before_sending()
                try:
                    self.deliverer.send_pending()
                    failures = 0
                except DeviceError as error:
                    if not _should_wait(error):
                        raise
                    failures += 1
                    delay = self.backoff.choose_delay(
                        failures, retry_after(error), self.retry_policy.rng
                    )
                    retry_at = self.clock() + delay
                    self.on_error(error)
            wake_at = self.schedule.due_ms(index) / 1000
            if disk_error:
                self.on_error(disk_error)
                wake_at = self.clock() + _FULL_DISK_SECONDS
            self._sleep_until(min(wake_at, retry_at) if failures else wake_at)

    def _record_due_files(self, index: int) -> tuple[int, StateError | None]:
        """Add the due files from ``index`` on; return the next index and the error that stopped it.

        The device keeps sending while its disk is full: that frees disk space.
        """
        while self.clock() >= self.schedule.due_ms(index) / 1000:
            try:
                self._record(index)
            except StateError as error:
                return index, error
            index += 1
        return index, None

    def _sleep_until(self, moment: float) -> None:
        self.retry_policy.sleep(max(0.0, moment - self.clock()))


def _should_wait(error: DeviceError) -> bool:
    """Whether an endless simulation continues after ``error``.

    A suspended device may be reactivated, and an untrusted server may get another certificate.
    """
    if is_transient(error):
        return True
    is_rejection = isinstance(error, ProblemResponse | CertificateNotTrusted)
    return is_rejection and can_be_accepted_later(error)
