"""A simulated device: registers if it must, then sends given files or a made-up heart rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from device_client.api import Door, Registration
from device_client.delivery import Deliverer
from device_client.errors import (
    BadAnswer,
    DeviceError,
    Refused,
    StateError,
    Unreachable,
    Untrusted,
)
from device_client.filenames import dated_filename
from device_client.multipart import FilePart
from device_client.retry import Backoff, Patience, is_worth_keeping, may_pass, wish
from device_client.schedule import Schedule
from device_client.spool import Spool
from device_client.synthetic_data import recording

SIMULATED_NAME = "hr_measurement"


def is_busy(error: DeviceError) -> bool:
    """Tell whether the server answered, and may answer otherwise by and by."""
    return may_pass(error) and not isinstance(error, Unreachable | BadAnswer)


def join(door: Door, psk: str, patience: Patience) -> Registration:
    """Return this device's registration, made now with ``psk`` where there is none yet.

    A server that is busy is waited for; one that cannot be reached is an error at once, since
    at the first contact the address is the likelier fault.
    """
    try:
        return patience.keep_trying(door.whoami, is_busy)
    except Refused as error:
        if error.problem.code != "certificate_not_bound":
            raise
        if not psk:
            raise DeviceError("this device is not registered yet: give a PSK") from error
    patience.keep_trying(lambda: door.register(psk), is_busy)
    return patience.keep_trying(door.whoami, is_busy)


@dataclass
class Simulation:
    """Records by ``schedule`` into ``spool`` and sends through ``deliverer``.

    ``clock`` gives epoch seconds. ``before_sending`` is called before each try to send (what a
    device does now and then). ``on_trouble`` hears of what an endless simulation waits out.
    """

    schedule: Schedule
    seed: int
    spool: Spool
    deliverer: Deliverer
    patience: Patience
    on_trouble: Callable[[DeviceError], None]
    before_sending: Callable[[], None] = lambda: None
    backoff: Backoff = field(default_factory=Backoff)
    clock: Callable[[], float] = time.time

    def run(self) -> None:
        """Send all uploads, or go on until interrupted when there is no end to them.

        A limited run raises ``DeviceError`` when the server cannot be waited for. An endless
        one goes on recording, keeps what it recorded and sends it when the server takes it.
        """
        if self.schedule.uploads == 0:
            self._run_endless()
        for index in range(self.schedule.uploads):
            self._sleep_until(self.schedule.due_ms(index) / 1000)
            self._record(index)
            self.before_sending()
            self.patience.keep_trying(self.deliverer.send_pending)

    def _record(self, index: int) -> None:
        end_ms = self.schedule.end_ms(index)
        content = recording(self.seed, end_ms, self.schedule.samples)
        self.spool.add(FilePart(SIMULATED_NAME, dated_filename(SIMULATED_NAME, end_ms), content))

    def _run_endless(self) -> None:
        index, failures, retry_at = 0, 0, 0.0
        while True:
            index, trouble = self._record_what_is_due(index)
            if self.clock() >= retry_at:
                self.before_sending()
                try:
                    self.deliverer.send_pending()
                    failures = 0
                except DeviceError as error:
                    if not _may_change(error):
                        raise
                    failures += 1
                    pause = self.backoff.pause(failures, wish(error), self.patience.chance)
                    retry_at = self.clock() + pause
                    self.on_trouble(error)
            wake = self.schedule.due_ms(index) / 1000
            if trouble:
                self.on_trouble(trouble)
                wake = self.clock() + self.backoff.longest
            self._sleep_until(min(wake, retry_at) if failures else wake)

    def _record_what_is_due(self, index: int) -> tuple[int, StateError | None]:
        """Return the next upload that is not in the spool yet, and why, if it is due.

        Where the disk is full the device sends on: that makes room.
        """
        while self.clock() >= self.schedule.due_ms(index) / 1000:
            try:
                self._record(index)
            except StateError as error:
                return index, error
            index += 1
        return index, None

    def _sleep_until(self, moment: float) -> None:
        self.patience.sleep(max(0.0, moment - self.clock()))


def _may_change(error: DeviceError) -> bool:
    """Tell whether an endless simulation should wait.

    A refused device may be let in again, and a server that was trusted gets another certificate.
    """
    return may_pass(error) or (isinstance(error, Refused | Untrusted) and is_worth_keeping(error))
