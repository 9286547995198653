"""``compose.yaml`` started by podman: a device uploads, an upgrade keeps the data.

Needs the images that compose.yaml names: docs/how-to/containers.md tells how to make them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.compose_by_podman import Project, podman
from tests.support.devices import Device
from tests.support.stack import free_ports

pytestmark = pytest.mark.containers
SECRET_KEY = "a secret of the tests " * 3
CREATE_SUPERUSER = (
    *("env", "DJANGO_SUPERUSER_PASSWORD=a password for the tests only"),
    *("python", "manage.py", "createsuperuser", "--no-input"),
    *("--username", "container-admin", "--email", "admin@example.org"),
)
FILE = b"1560279600000,60\n1560279601000,61\n"


class Installation(Project):
    """The project with secrets and free ports, as docs/how-to/containers.md sets it up."""

    def __init__(self, folder: Path) -> None:
        self.device_port, staff_port = free_ports(2)
        name = f"containers-{secrets.token_hex(3)}"
        ports = {"DEVICE_PORT": str(self.device_port), "STAFF_PORT": str(staff_port)}
        super().__init__(name, folder, ports)
        (folder / "secrets").mkdir(mode=0o700)
        password = secrets.token_hex(24)
        url = f"postgres://device_endpoint:{password}@db/device_endpoint"
        for file, text in (
            ("database_password", password),
            ("secret_key", SECRET_KEY),
            ("database_url", url),
        ):
            (folder / "secrets" / file).write_text(text)

    def issue_psk(self, identity: str) -> str:
        issued = self.execute(
            "staff", "python", "manage.py", "issue_psk", identity, "--create", "--json"
        )
        return str(json.loads(issued)["psk"])

    def make_device(self) -> Device:
        ca_file = self.folder / "ca.crt"
        ca_file.write_text(self.execute("staff", "cat", "/var/lib/device-endpoint/tls/ca.crt"))
        url = f"https://localhost:{self.device_port}/device_endpoint"
        return Device(url, ca_file, self.folder / "device")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    project = Installation(tmp_path_factory.mktemp("containers"))
    try:
        project.up()
        project.execute("staff", *CREATE_SUPERUSER)
        project.wait_until_healthy("nginx")  # it asks /readyz, which requires a superuser
        yield project
    finally:
        project.down()


def test_a_device_uploads_and_an_upgrade_keeps_its_data(installation: Installation) -> None:
    psk = installation.issue_psk("ward")
    device = installation.make_device()
    assert device.register(psk).status_code == 200
    stored = device.upload(("hr", None, FILE))
    assert (stored.status_code, stored.json()["files"][0]["new"]) == (200, 2)
    installation.replace_program(_commit_another_image())
    installation.wait_until_healthy("nginx")
    device.close()
    assert device.whoami().json()["identity"] == "ward"
    again = device.upload(("hr", None, FILE)).json()["files"][0]
    assert (again["status"], again["id"]) == ("duplicate", stored.json()["files"][0]["id"])
    exported = installation.execute("staff", "python", "manage.py", "export_samples", "ward", "hr")
    assert exported == f"time_ms,value\n{FILE.decode()}"
    device.close()


def test_containers_have_no_rights(installation: Installation) -> None:
    for service in ("device", "staff", "compact", "monitor", "nginx"):
        status = installation.execute(service, "cat", "/proc/1/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert int(fields["CapEff"], 16) == 0
        assert fields["Uid"].split() == ["10001"] * 4
        assert fields["NoNewPrivs"] == "1"
        for place in ("/etc/a", "/usr/a", "/opt/a"):
            touched = installation.execute(
                service, "sh", "-c", f"touch {place} 2>&1", may_fail=True
            )
            assert "Read-only file system" in touched


def test_nginx_sees_no_secret_of_the_program(installation: Installation) -> None:
    searched = installation.execute(
        "nginx", "sh", "-c", f"env; ls /run/secrets; grep -rl '{SECRET_KEY}' /run /var /etc /tmp",
        may_fail=True,
    )  # fmt: skip
    assert SECRET_KEY not in searched
    assert "secret_key" not in searched
    assert "database_url" not in searched
    folders = {mount["Destination"] for mount in installation.inspect("nginx")["Mounts"]}
    assert folders == {"/var/lib/device-endpoint-nginx", "/run/device-endpoint"}


def _commit_another_image() -> str:
    """Return the program's image with another label: what an upgrade replaces it by."""
    name = f"device-endpoint-upgraded-{secrets.token_hex(3)}"
    container = podman("create", "device-endpoint").strip()
    podman(
        "commit", "--quiet", "--format", "docker", "--change", "LABEL upgraded=yes", container, name
    )
    podman("rm", container)
    return name
