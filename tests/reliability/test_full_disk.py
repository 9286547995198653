"""A full disk: uploads are refused before PostgreSQL fails and resume when space is free."""

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

# Mounting a file system needs root.
pytestmark = pytest.mark.debian

MIB = 1 << 20


@pytest.fixture
def small_stack(tmp_path: Path) -> Iterator[Stack]:
    """Return an installation on a file system of its own."""
    disk = SmallDisk(tmp_path / "var")
    disk.mount()
    assert not disk.unavailable_reason, disk.unavailable_reason
    stack = Stack(tmp_path, {"MIN_FREE_DISK_BYTES": str(64 * MIB)})
    stack.start()
    yield stack
    stack.stop()
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
