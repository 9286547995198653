"""docs/how-to/install-on-debian.md, run as printed on a copy of this machine.

The copy is an overlay in memory with its own processes: nothing outside it changes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from device_endpoint.env import PROJECT_DIR
from tests.support.stack import free_ports

pytestmark = pytest.mark.debian

NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
# When it ends, its processes end and its file system disappears.
ENTER = """
set -eu
mount -t tmpfs -o mode=0755 tmpfs "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" overlay "$0/root"
mount -t proc proc "$0/root/proc"
mount --rbind /dev "$0/root/dev"
mkdir -p "$0/root$1"
mount --bind "$1" "$0/root$1"
cd "$0/root"
shift
exec chroot . "$@"
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the commands of the page once and give the results."""
    folder = tmp_path_factory.mktemp("deploy")
    machine, results = folder / "machine", folder / "results"
    machine.mkdir()
    results.mkdir()
    ports = map(str, free_ports(2))
    command = [
        sys.executable,
        str(PROJECT_DIR / "tests/deployment/run_documented_commands.py"),
        str(results),
        *ports,
    ]
    run = subprocess.run(
        [*NAMESPACES, "bash", "-c", ENTER, str(machine), str(results), *command],
        capture_output=True,
        text=True,
        check=False,
    )
    output = results / "output"
    tail = output.read_text()[-4000:] if output.exists() else ""
    assert run.returncode == 0, run.stderr + tail
    found: dict[str, Any] = json.loads((results / "result.json").read_text())
    assert found["code"] == 0, tail + found["units"][-4000:]
    return found | {"output": output.read_text()}


def test_the_page_leads_from_packages_to_a_stored_file(result: dict[str, Any]) -> None:
    assert '"status": "ready"' in result["output"]
    assert "stored" in result["output"]


def test_the_deploy_checks_produce_no_message(result: dict[str, Any]) -> None:
    assert "System check identified" in result["output"]
    assert "(device_endpoint." not in result["output"]
    assert "(security." not in result["output"]


def test_no_request_fails_during_upgrade_and_rollback(result: dict[str, Any]) -> None:
    assert set(result["statuses"]) == {"200"}
    assert result["statuses"]["200"] > 20
    statuses = {json.loads(line)["status"] for line in result["access"]}
    assert not {status for status in statuses if status >= 500}


def test_the_services_cannot_change_tables_or_the_audit_log(
    result: dict[str, Any],
) -> None:
    assert len(result["forbidden"]) > 10
    succeeded = {
        statement: message
        for statement, message in result["forbidden"].items()
        if "must be owner" not in message and "permission denied" not in message
    }
    assert succeeded == {}


def test_systemd_accepts_the_units(result: dict[str, Any]) -> None:
    assert result["verify"] == ""


def test_the_units_log_json_with_nginx_request_ids(result: dict[str, Any]) -> None:
    lines = [line for line in result["units"].splitlines() if line.startswith("{")]
    logged = {json.loads(line).get("request_id") for line in lines}
    assert logged & {json.loads(line)["request_id"] for line in result["access"]}


@pytest.mark.parametrize("unit", ["device", "staff", "compact", "monitor", "nginx"])
def test_a_unit_is_sandboxed(unit: str) -> None:
    file = PROJECT_DIR / f"deploy/systemd/device-endpoint-{unit}.service"
    # Tenths of systemd's exposure level: nginx's master must run as root.
    threshold = "45" if unit == "nginx" else "25"
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", f"--threshold={threshold}", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-300:]
