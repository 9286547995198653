"""Real devices that wake at once, on a real installation whose capacity is measured first."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from pathlib import Path

from device_client.api import DeviceApi
from device_client.errors import DeviceError, ProblemResponse
from device_client.multipart import FilePart
from device_client.retry import Backoff, is_transient, retry_after
from tests.scaling.outage.simulation import Outcome, Server
from tests.support.devices import Device
from tests.support.stack import Stack

HOUR_MS, DAY_MS = 1_560_279_600_000, 86_400_000
# Requests that the server holds at once; it refuses the others. Their bodies are large ones.
PLACES = 32
# Requests that wait at once while the capacity is measured.
WAITING = 24
# So long that the server works, not the devices, which share its processors.
SAMPLES_PER_FILE = 3_600
FILES = 4


class _WakingDevice(threading.Thread):
    """Wakes at a time, sends its files in one request, and waits as ``device_client`` does."""

    def __init__(self, number: int, stack: Stack, credentials: Path, wake_after: float) -> None:
        super().__init__(daemon=True)
        self.api = DeviceApi(stack.device_url, credentials, stack.ca_file)
        self.wake_after = wake_after
        self.number, self.attempts, self.refusals, self.wait_seconds = number, 0, 0, 0.0
        self.start_at = 0.0
        self.parts = make_files(number)  # before it wakes: its recordings exist then

    def run(self) -> None:
        rng, backoff = random.Random(self.number), Backoff()  # noqa: S311 - reproducible
        time.sleep(max(0.0, self.start_at + self.wake_after - time.monotonic()))
        woke_at = time.monotonic()
        while True:
            self.attempts += 1
            try:
                self.api.upload(self.parts)
                break
            except DeviceError as error:
                if not is_transient(error):
                    raise
                self.refusals += isinstance(error, ProblemResponse)
                self.api.close()  # a device that waits holds no connection
                time.sleep(backoff.choose_delay(self.attempts, retry_after(error), rng))
        self.wait_seconds = time.monotonic() - woke_at
        self.api.close()


def make_files(number: int) -> list[FilePart]:
    """Return four files of an hour each, on a day and of a series that few others have."""
    files = []
    for quarter in range(FILES):
        start = HOUR_MS + number * DAY_MS + quarter * SAMPLES_PER_FILE * 1000
        lines = (
            f"{start + second * 1000},{60 + (number + second) % 40}.{number % 100:02d}\n"
            for second in range(SAMPLES_PER_FILE)
        )
        files.append(FilePart(f"hr{number % 50}", f"{quarter}.csv", "".join(lines).encode()))
    return files


def measure(devices: int, wake_seconds: float) -> tuple[Server, Outcome]:
    """Return the capacity that some devices in turn found, and what all of them saw at once."""
    with tempfile.TemporaryDirectory(prefix="outage-") as name:
        stack = Stack(
            Path(name),
            {
                "DEVICE_WORKERS": "2",
                "LISTEN": "127.0.0.1",
                "REQUESTS_PER_SECOND": "100000",
                "MAX_CONNECTIONS_PER_IP": "60000",
                "MONITORING_INTERVAL_SECONDS": "86400",
                "MAX_LARGE_BODIES": str(PLACES),
            },
        )
        stack.start()
        try:
            credentials = _register(stack, Path(name), max(devices, WAITING))
            seconds = _measure_request(stack, credentials)
            outcome = _wake_all(stack, credentials, devices, wake_seconds)
        finally:
            stack.stop()
    server = Server(
        processors=1.0,
        request_seconds=seconds,
        file_seconds=0.0,
        refusal_seconds=seconds / 10,
        backlog=PLACES,
    )
    return server, outcome


def _register(stack: Stack, folder: Path, devices: int) -> list[Path]:
    """Return the files of as many registered certificates, each with its key.

    One certificate alone would have few places for large bodies.
    """
    psk = stack.issue_psk("waking", "--max-uses", str(devices))
    found = []
    for number in range(devices):
        device = Device(stack.device_url, stack.ca_file, folder / f"device-{number}")
        assert device.register(psk).status_code == 200
        device.close()
        credentials = folder / f"device-{number}.pem"
        credentials.write_bytes(device.key_file.read_bytes() + device.certificate_file.read_bytes())
        found.append(credentials)
    return found


def _measure_request(stack: Stack, credentials: list[Path], rounds: int = 4) -> float:
    """Return the seconds between two answers while so many requests wait that none is refused.

    The first round is left out: processes that have just started are slow.
    """
    seconds = 0.0
    for number in range(rounds + 1):
        first = 1_000 + number * WAITING
        senders = [_WakingDevice(first + n, stack, credentials[n], 0.0) for n in range(WAITING)]
        started = time.monotonic()
        _run(senders, delay=0.0)
        if number:
            seconds += time.monotonic() - started
        assert not any(sender.refusals for sender in senders)
    return seconds / (rounds * WAITING)


def _wake_all(stack: Stack, credentials: list[Path], devices: int, wake_seconds: float) -> Outcome:
    rng = random.Random(1)  # noqa: S311 - reproducible
    senders = [
        _WakingDevice(number, stack, credentials[number], rng.uniform(0, wake_seconds))
        for number in range(devices)
    ]
    _run(senders)
    return Outcome(
        requests=sum(sender.attempts for sender in senders),
        refusals=sum(sender.refusals for sender in senders),
        most_attempts=max(sender.attempts for sender in senders),
        drained_at=max(sender.wake_after + sender.wait_seconds for sender in senders),
        waits=[sender.wait_seconds for sender in senders],
        undelivered=sum(not sender.wait_seconds for sender in senders),
    )


def _run(senders: list[_WakingDevice], delay: float = 0.1) -> None:
    start_at = time.monotonic() + delay
    for sender in senders:
        sender.start_at = start_at
        sender.start()
    for sender in senders:
        sender.join()
