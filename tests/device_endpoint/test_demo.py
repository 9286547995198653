"""``manage.py up --demo``: three devices that keep sending, and curl commands that work."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.slow

DEVICES = ("demo-1", "demo-2", "demo-3")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("demo"))
    running.start("--demo")
    yield running
    assert running.stop() == 0


def log_of(stack: Stack, name: str) -> str:
    file = stack.var_dir / "log" / f"{name}.log"
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("name", DEVICES)
def test_a_simulated_device_keeps_sending(demo: Stack, name: str) -> None:
    wait_until(lambda: log_of(demo, name).count("\nstored ") >= 2, f"two uploads of {name}")
    run = demo.manage("export_samples", name, "hr_measurement")
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) > 3600


def test_a_simulated_device_wears_an_accelerometer(demo: Stack) -> None:
    wait_until(lambda: log_of(demo, "demo-1").count("\nstored    acc ") >= 2, "two of demo-1")
    run = demo.manage("export_samples", "demo-1", "acc.z")
    assert len(run.stdout.splitlines()) > 16 * 3600
    assert run.stdout.splitlines()[1].partition(",")[0].endswith(".5")


def test_no_key_reaches_a_log(demo: Stack) -> None:
    for file in (demo.var_dir / "log").iterdir():
        assert "dpsk_" not in file.read_text(errors="replace")


@pytest.mark.debian
def test_the_printed_curl_answers_200_as_pasted(demo: Stack) -> None:
    printed = demo.output.partition("paste this into another terminal:")[2]
    run = subprocess.run(
        [str(shutil.which("bash")), "-euc", f"set -o pipefail\n{printed.strip()} --fail"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["identity"] == "my-first-identity"


def test_a_second_start_registers_no_device_again(demo: Stack) -> None:
    assert "demo-1, demo-2, demo-3 register" in demo.output
    demo.stop()
    demo.start("--demo")
    assert "register" not in demo.output.partition("paste this")[0]
