"""A disk that fills up: refused before PostgreSQL is in trouble, over when there is room."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault_injection.mounts import SmallDisk
from tests.reliability.load import measurement
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until

# It mounts a file system, which takes root.
pytestmark = pytest.mark.debian

MIB = 1 << 20


@pytest.fixture
def small_stack(tmp_path: Path) -> Iterator[Stack]:
    """Give an installation that lives on a file system of its own."""
    disk = SmallDisk(tmp_path / "var")
    disk.mount()
    assert not disk.unavailable_reason, disk.unavailable_reason
    stack = Stack(tmp_path, {"MIN_FREE_DISK_BYTES": str(64 * MIB)})
    stack.start()
    yield stack
    stack.stop()
    disk.unmount()


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _leave(folder: Path, free: int) -> Path:
    """Write a file into ``folder`` that leaves so many bytes free."""
    large = folder / "large"
    with large.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, _free(folder) - free)
    return large


def test_a_disk_that_fills_up_costs_answers_but_no_data_and_needs_no_restart(
    small_stack: Stack, tmp_path: Path
) -> None:
    device = Device(small_stack.device_url, small_stack.ca_file, tmp_path / "device")
    assert device.register(small_stack.issue_psk("small")).status_code == 200
    assert device.upload(("hr", None, measurement(1))).status_code == 200
    numbers = iter(range(2, 10_000))

    def answer() -> int:
        return device.upload(("hr", None, measurement(next(numbers)))).status_code

    for left in (40 * MIB, 0):  # nearly full, then to the last byte, which PostgreSQL meets too
        large = _leave(small_stack.var_dir, left)
        wait_until(lambda: answer() == 503, "uploads to be refused")
        status, _, text = small_stack.get_staff("/readyz")
        assert status == 503
        assert json.loads(text)["checks"]["disk"].startswith("nearly full")
        large.unlink()
        wait_until(lambda: answer() == 200, "uploads to be taken again")
    device.close()
    verified = small_stack.manage("verify")
    assert verified.returncode == 0, verified.stdout
