"""A nearly full disk: uploads are refused with a reason, and resume when there is free space.

The folder that is watched is a link, so that anybody may run this: what it leads to is a real
file system without a free byte, then one with free space.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from identities.credentials import issue_psk
from identities.models import Identity
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.support.database import database_address
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until
from tests.support.stored_data import file_count

pytestmark = pytest.mark.slow

FILE = ("hr", "f", b"1526292559000,1\n")
WITHOUT_ROOM = Path("/proc")


class Disk:
    """The place that the installation watches."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.free_space()

    def free_space(self) -> None:
        self._lead_to(self.link.parent)

    def fill(self) -> None:
        self._lead_to(WITHOUT_ROOM)

    def _lead_to(self, place: Path) -> None:
        new = self.link.with_suffix(".new")
        new.symlink_to(place)
        new.replace(self.link)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("disk") / "watched")


@pytest.fixture(scope="module")
def watching(
    disk: Disk,
    django_db_setup: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Give an installation that is started while its disk is full: it starts all the same."""
    address = database_address()
    environment = {
        "DATABASE_URL": address,
        "DISK_SPACE_PATHS": str(disk.link),
        "MIN_FREE_DISK_BYTES": "4096",
        "DEVICE_WORKERS": "1",  # each worker measures for itself, every two seconds
    }
    running = Stack(tmp_path_factory.mktemp("watching"), environment)
    disk.fill()
    running.start()
    running.wait_for("uploads paused: disk nearly full")
    yield running
    running.stop()


@pytest.fixture
def bound_there(watching: Stack, identity: Identity, tmp_path: Path) -> Iterator[Device]:
    device = Device(watching.device_url, watching.ca_file, tmp_path / "device")
    accepted(device.register(issue_psk(identity)[1]))
    yield device
    device.close()


def readiness(stack: Stack) -> tuple[int, str]:
    status, _, text = stack.get_staff("/readyz")
    return status, json.loads(text)["checks"]["disk"]


def doctor_on_the_disk(stack: Stack) -> dict[str, str]:
    checks = json.loads(stack.manage("doctor", "--json").stdout)["checks"]
    return next(one for one in checks if one["name"] == "disk")


def test_uploads_pause_while_the_disk_is_nearly_full(
    watching: Stack, disk: Disk, bound_there: Device, identity: Identity
) -> None:
    disk.fill()
    answer = bound_there.upload(FILE)
    body = refused(answer, 503, "database_unavailable")
    assert body["title"] == "The server's disk is nearly full"
    assert "disk is nearly full" in body["detail"]
    assert 30 <= int(answer.headers["Retry-After"]) <= 90
    assert file_count(identity) == 0
    accepted(bound_there.whoami())
    disk.free_space()
    wait_until(lambda: bound_there.upload(FILE).status_code == 200, "uploads to be taken again")
    assert only_receipt(accepted(bound_there.upload(FILE)))["status"] == "duplicate"
    log = (watching.var_dir / "log" / "device.log").read_text()
    assert "uploads paused: disk nearly full (0 bytes free" in log
    assert "uploads resumed" in log


def test_readiness_and_the_doctor_name_the_disk(watching: Stack, disk: Disk) -> None:
    disk.fill()
    assert readiness(watching) == (503, "nearly full (0 MiB free, 0 MiB required)")
    found = doctor_on_the_disk(watching)
    assert found["level"] == "FAIL"
    assert "uploads are paused" in found["text"]
    disk.free_space()
    assert readiness(watching) == (200, "ok")
    assert "uploads are paused" not in doctor_on_the_disk(watching)["text"]


def test_the_doctor_fails_where_a_watched_folder_is_not_there(watching: Stack, disk: Disk) -> None:
    disk.link.unlink()
    found = doctor_on_the_disk(watching)
    disk.free_space()
    assert (found["level"], found["remedy"]) == (
        "FAIL",
        "set DISK_SPACE_PATHS to existing folders",
    )
