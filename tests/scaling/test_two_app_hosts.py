"""Two app hosts behind one nginx: one is killed while devices send, and nothing is lost."""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.contrib.auth import get_user_model

from ingest.models import Measurement, SampleBlock
from tests.scaling.app_hosts import DEVICE_DOOR, AppHost, Front, network
from tests.support.block_offsets import offsets_of
from tests.support.devices import Device
from tests.support.stack import database_address, wait_until

# Namespaces are root's to make.
pytestmark = pytest.mark.debian

DEVICES = 4
START = 1_560_279_835_000


class Sender(threading.Thread):
    """A device that sends file after file, each until it is told 200."""

    def __init__(self, device: Device) -> None:
        super().__init__()
        self.device = device
        self.acknowledged = 0
        self.answers: Counter[object] = Counter()
        self.receipts: set[str] = set()
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            content = f"{START + self.acknowledged * 1000},60\n".encode()
            try:
                answer = self.device.upload(("pulse", None, content))
            except requests.RequestException as error:
                self.answers[type(error).__name__] += 1
                continue
            self.answers[answer.status_code] += 1
            if answer.status_code == 200:
                self.acknowledged += 1
                self.receipts.add(answer.json()["files"][0]["id"])
            else:
                assert int(answer.headers["Retry-After"]) > 0
                self.ending.wait(0.1)


@pytest.fixture
def hosts(live_db: None, tmp_path: Path) -> Iterator[tuple[Front, list[AppHost]]]:
    if not get_user_model().objects.filter(is_superuser=True).exists():
        get_user_model().objects.create_superuser("scaling", password="of no use to anybody")
    shared = {
        "DATABASE_URL": database_address(),
        "SECRET_KEY": "one for all hosts " * 3,
        "PROXY_SECRET": "another for all hosts " * 3,
    }
    with network(2) as places:
        apps = [AppHost(name, address, tmp_path, shared) for name, address in places]
        front = Front(tmp_path, shared, apps)
        try:
            for app in apps:
                app.start()
            front.start()
            yield front, apps
        finally:
            front.stop()
            for app in apps:
                app.kill()


def test_one_app_host_is_killed_under_load_and_nothing_is_lost(
    hosts: tuple[Front, list[AppHost]], tmp_path: Path
) -> None:
    front, apps = hosts
    name = f"scaled-{uuid.uuid4().hex[:8]}"
    url = f"https://localhost:{front.device_port}/device_endpoint"
    senders = [
        Sender(Device(url, front.ca_file, tmp_path / f"device-{number}"))
        for number in range(DEVICES)
    ]
    wait_until(lambda: senders[0].device.whoami().status_code == 403, "the doors")
    for number, sender in enumerate(senders):
        issued = front.manage("issue_psk", f"{name}-{number}", "--create", "--json")
        registered = sender.device.register(json.loads(issued)["psk"])
        assert registered.status_code == 200, registered.text
        sender.start()
    try:
        _send_more(senders)
        for app in reversed(apps):
            app.kill()
            _send_more(senders)  # the other host alone takes them
            app.start()
            wait_until(lambda app=app: _answers(app), f"{app.name}: {app.log()}")  # type: ignore[misc]
            _send_more(senders)
    finally:
        for sender in senders:
            sender.ending.set()
            sender.join()
    for number, sender in enumerate(senders):
        assert set(sender.answers) <= {200, 503}, sender.answers
        files = Measurement.objects.filter(identity__name=f"{name}-{number}")
        stored = {str(pk) for pk in files.values_list("pk", flat=True)}
        # The last file may have been stored although its answer was lost: then it was sent again.
        assert stored == sender.receipts
        times = {
            block.hour * 3_600_000 + offset
            for block in SampleBlock.objects.filter(identity__name=f"{name}-{number}")
            for offset in offsets_of(block)
        }
        assert times == {START + n * 1000 for n in range(sender.acknowledged)}
        sender.device.close()
    _ask_the_doctor(front, apps)


def _ask_the_doctor(front: Front, apps: list[AppHost]) -> None:
    found = json.loads(front.manage("doctor", "--json", may_fail=True))["checks"]
    told = {one["name"]: one for one in found}
    for app in apps:
        line = told[f"app host {app.address}:{DEVICE_DOOR}"]
        assert line["level"] == "ok", line
        assert "without the proxy secret refused" in line["text"]


def _answers(app: AppHost) -> bool:
    try:
        return requests.get(f"http://{app.address}:{DEVICE_DOOR}/", timeout=5).status_code == 404
    except requests.RequestException:
        return False


def _send_more(senders: list[Sender]) -> None:
    before = [sender.acknowledged for sender in senders]
    wait_until(
        lambda: all(
            sender.acknowledged >= count + 15 for sender, count in zip(senders, before, strict=True)
        ),
        f"15 more files of each: {[sender.answers for sender in senders]}",
    )
