"""A PostgreSQL that could lose commits: the device API refuses data unless configured to warn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from device_endpoint.supervisor.executables import postgres_folder
from tests.reliability.load import measurement
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.slow

SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


def _unsafe_programs(folder: Path, setting: str) -> Path:
    """Return a folder of PostgreSQL programs whose server runs with ``setting`` off."""
    folder.mkdir()
    for program in postgres_folder().iterdir():
        if program.name != "postgres":
            (folder / program.name).symlink_to(program)
    script = folder / "postgres"
    script.write_text(
        "#!/bin/sh\n"
        f'case "$1" in -D) set -- "$@" -c {setting}=off ;; esac\n'
        f'exec "{postgres_folder() / "postgres"}" "$@"\n'
    )
    script.chmod(0o755)
    return folder


@pytest.fixture
def unsafe_stack(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str, str], Stack]:
    """Return a function that launches an installation with a setting off."""

    def launch(setting: str, check: str) -> Stack:
        programs = _unsafe_programs(tmp_path / "programs", setting)
        environment = {"POSTGRES_BIN_DIR": str(programs), "DURABILITY_CHECK": check}
        stack = Stack(tmp_path, environment)
        stack.launch()
        request.addfinalizer(stack.stop)
        return stack

    return launch


def _checks(stack: Stack) -> dict[str, str]:
    try:
        _, _, text = stack.get_staff("/readyz")
        return dict(json.loads(text)["checks"])
    except (OSError, ValueError):
        return {}


@pytest.mark.parametrize("setting", SETTINGS)
def test_data_is_refused_and_readyz_names_the_setting(
    unsafe_stack: Callable[[str, str], Stack], setting: str, tmp_path: Path
) -> None:
    stack = unsafe_stack(setting, "refuse")
    wait_until(lambda: setting in _checks(stack).get("durability", ""), "/readyz to name it")
    assert stack.get_staff("/readyz")[0] == 503
    device = Device(stack.device_url, stack.ca_file, tmp_path / "device")
    answer = device.register(stack.issue_psk("unsafe"))
    device.close()
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:device-endpoint:database_unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    assert "ready" not in stack.output.splitlines()


def test_with_warn_data_is_accepted_and_a_warning_logged(
    unsafe_stack: Callable[[str, str], Stack], tmp_path: Path
) -> None:
    stack = unsafe_stack("fsync", "warn")
    stack.wait_for("\nready\n")
    device = Device(stack.device_url, stack.ca_file, tmp_path / "device")
    assert device.register(stack.issue_psk("unsafe")).status_code == 200
    assert device.upload(("hr", None, measurement(1))).status_code == 200
    device.close()
    assert "fsync" in (stack.var_dir / "log" / "device.log").read_text()
