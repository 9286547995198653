"""Two app hosts behind one nginx: killing one under load loses nothing."""

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
from tests.scaling.app_hosts import DEVICE_PORT, AppHost, ReverseProxy, network
from tests.support.block_contents import offsets_of
from tests.support.database import database_address
from tests.support.devices import Device
from tests.support.stack import wait_until

# Creating network namespaces needs root.
pytestmark = pytest.mark.debian

DEVICES = 4
START = 1_560_279_835_000


class Sender(threading.Thread):
    """A device that sends file after file, each until it receives 200."""

    def __init__(self, device: Device) -> None:
        super().__init__()
        self.device = device
        self.acknowledged = 0
        self.answers: Counter[object] = Counter()
        self.receipts: set[str] = set()
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
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
                self.stopping.wait(0.1)


@pytest.fixture
def hosts(live_db: None, tmp_path: Path) -> Iterator[tuple[ReverseProxy, list[AppHost]]]:
    if not get_user_model().objects.filter(is_superuser=True).exists():
        get_user_model().objects.create_superuser("scaling", password="unused password")
    shared = {
        "DATABASE_URL": database_address(),
        "SECRET_KEY": "one for all hosts " * 3,
        "PROXY_SECRET": "another for all hosts " * 3,
    }
    with network(2) as places:
        apps = [AppHost(name, address, tmp_path, shared) for name, address in places]
        reverse_proxy = ReverseProxy(tmp_path, shared, apps)
        try:
            for app in apps:
                app.start()
            reverse_proxy.start()
            yield reverse_proxy, apps
        finally:
            reverse_proxy.stop()
            for app in apps:
                app.kill()


def test_killing_an_app_host_under_load_loses_nothing(
    hosts: tuple[ReverseProxy, list[AppHost]], tmp_path: Path
) -> None:
    reverse_proxy, apps = hosts
    name = f"scaled-{uuid.uuid4().hex[:8]}"
    url = f"https://localhost:{reverse_proxy.device_port}/device_endpoint"
    senders = [
        Sender(Device(url, reverse_proxy.ca_file, tmp_path / f"device-{number}"))
        for number in range(DEVICES)
    ]
    wait_until(lambda: senders[0].device.whoami().status_code == 403, "the services")
    for number, sender in enumerate(senders):
        issued = reverse_proxy.manage("issue_psk", f"{name}-{number}", "--create", "--json")
        registered = sender.device.register(json.loads(issued)["psk"])
        assert registered.status_code == 200, registered.text
        sender.start()
    try:
        _send_more(senders)
        for app in reversed(apps):
            app.kill()
            _send_more(senders)  # the other host serves alone
            app.start()
            wait_until(lambda app=app: _is_up(app), f"{app.name}: {app.log()}")  # type: ignore[misc]
            _send_more(senders)
    finally:
        for sender in senders:
            sender.stopping.set()
            sender.join()
    for number, sender in enumerate(senders):
        assert set(sender.answers) <= {200, 503}, sender.answers
        files = Measurement.objects.filter(identity__name=f"{name}-{number}")
        stored = {str(pk) for pk in files.values_list("pk", flat=True)}
        # A file that was stored although its response was lost was sent again.
        assert stored == sender.receipts
        times = {
            block.hour * 3_600_000 + offset
            for block in SampleBlock.objects.filter(identity__name=f"{name}-{number}")
            for offset in offsets_of(block)
        }
        assert times == {START + n * 1000 for n in range(sender.acknowledged)}
        sender.device.close()
    _check_doctor(reverse_proxy, apps)


def _check_doctor(reverse_proxy: ReverseProxy, apps: list[AppHost]) -> None:
    found = json.loads(reverse_proxy.manage("doctor", "--json", may_fail=True))["checks"]
    checks = {check["name"]: check for check in found}
    for app in apps:
        line = checks[f"app host {app.address}:{DEVICE_PORT}"]
        assert line["level"] == "ok", line
        assert "without the proxy secret, all rejected" in line["text"]


def _is_up(app: AppHost) -> bool:
    try:
        return requests.get(f"http://{app.address}:{DEVICE_PORT}/", timeout=5).status_code == 404
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
