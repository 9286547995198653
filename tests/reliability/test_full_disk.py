"""A small disk: uploads pause before PostgreSQL fails, and strangers cannot fill it."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.device_api.stalled_bodies import SOME_OF_IT, chunk, head, stalled
from tests.fault_injection.mounts import SmallDisk
from tests.reliability.load import measurement
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until

# Mounting a file system needs root.
pytestmark = pytest.mark.debian

logger = logging.getLogger(__name__)
MIB = 1 << 20
DAY = timedelta(days=1)
UPLOADS = 400
# Every so often an upload is too large for nginx's memory: it takes a place on the disk.
LARGE_EVERY = 20
LARGE_LINES = 100_000


@pytest.fixture
def small_stack(tmp_path: Path) -> Iterator[Stack]:
    """Return an installation on a file system of its own."""
    disk = SmallDisk(tmp_path / "var", size_mb=1_200)
    disk.mount()
    assert not disk.unavailable_reason, disk.unavailable_reason
    stack = Stack(tmp_path, {"MIN_FREE_DISK_BYTES": str(64 * MIB)})
    try:
        stack.start()
        yield stack
        stack.stop()
    finally:
        disk.unmount()


def _free_bytes(folder: Path) -> int:
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def _fill_disk(folder: Path, free: int) -> Path:
    """Write a file that leaves ``free`` bytes free; return its path."""
    large = folder / "large"
    with large.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, _free_bytes(folder) - free)
    return large


def test_a_full_disk_refuses_uploads_until_space_is_free(
    small_stack: Stack, tmp_path: Path
) -> None:
    device = Device(small_stack.device_url, small_stack.ca_file, tmp_path / "device")
    assert device.register(small_stack.issue_psk("small")).status_code == 200
    assert device.upload(("hr", None, measurement(1))).status_code == 200
    numbers = iter(range(2, 10_000))

    def upload() -> int:
        return device.upload(("hr", None, measurement(next(numbers)))).status_code

    for free in (40 * MIB, 0):  # below the minimum, then full for PostgreSQL too
        large = _fill_disk(small_stack.var_dir, free)
        wait_until(lambda: upload() == 503, "uploads to be refused")
        status, _, text = small_stack.get_staff("/readyz")
        assert status == 503
        assert json.loads(text)["checks"]["disk"].startswith("nearly full")
        large.unlink()
        wait_until(lambda: upload() == 200, "uploads to be accepted again")
    device.close()
    verified = small_stack.manage("verify")
    assert verified.returncode == 0, verified.stdout


@contextmanager
def strangers(stack: Stack, folder: Path) -> Iterator[Counter[str]]:
    """Send bodies of 60 MB without a live certificate, one after the other on 12 connections.

    Give the numbers of connections and of bytes that were taken from them.
    """
    yesterday = datetime.now(UTC) - DAY
    url, ca_file = stack.device_url, stack.ca_file
    senders = (
        Device(url, ca_file, folder / "nobody", anonymous=True),
        Device(url, ca_file, folder / "unknown"),
        Device(url, ca_file, folder / "expired", not_before=yesterday - DAY, not_after=yesterday),
    )
    for sender in senders:
        sender.source_address = ("127.0.0.2", 0)
    bodies = (head(length=60 * MIB) + SOME_OF_IT, head(length=None) + chunk(SOME_OF_IT))
    over, taken = threading.Event(), Counter[str]()

    def send(number: int) -> None:
        sender, body = senders[number % 3], bodies[number % 2]
        more = bytes(MIB) if number % 2 == 0 else chunk(bytes(MIB))
        while not over.is_set():
            with suppress(OSError), stalled(sender, body) as connection:
                taken["connections"] += 1
                connection.settimeout(5)
                for _ in range(60):
                    connection.sendall(more)
                    taken["bytes"] += MIB

    threads = [threading.Thread(target=send, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    try:
        yield taken
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_strangers_do_not_fill_a_small_disk(small_stack: Stack, tmp_path: Path) -> None:
    """Honest devices are served as without them; ``--log-cli-level=INFO`` shows the figures."""
    device = Device(small_stack.device_url, small_stack.ca_file, tmp_path / "device")
    assert device.register(small_stack.issue_psk("small")).status_code == 200
    start = 1_600_000_000_000
    large = b"".join(b"%d,60.5\n" % (start + 1000 * n) for n in range(LARGE_LINES))
    numbers = iter(range(1, 10_000))

    def upload() -> bool:
        number = next(numbers)
        content = large + b"%d,1\n" % (start - number)
        is_large = number % LARGE_EVERY == 0
        sent = device.upload(("hr", None, content if is_large else measurement(number)))
        return sent.status_code == 200

    filling = _fill_disk(small_stack.var_dir, 256 * MIB)
    before = _free_bytes(small_stack.var_dir)
    without = sum(upload() for _ in range(UPLOADS))
    free = _free_bytes(small_stack.var_dir)
    spent = before - free
    with strangers(small_stack, tmp_path) as taken:
        wait_until(lambda: taken["connections"] >= 24, "strangers")
        beside = sum(upload() for _ in range(UPLOADS))
        lost = free - _free_bytes(small_stack.var_dir)
    text = "%s of %s acknowledged, %s beside strangers, who sent %s; %s bytes used, %s before them"
    logger.info(text, without, UPLOADS, beside, dict(taken), lost, spent)
    filling.unlink()
    device.close()
    assert without == UPLOADS
    assert beside >= 0.9 * without
    # What the honest devices store takes as much as before.
    assert lost - spent < 64 * MIB
