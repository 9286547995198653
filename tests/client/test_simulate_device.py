"""``manage.py simulate_device`` against the real product: nginx, gunicorn and PostgreSQL."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from device_endpoint.env import PROJECT_DIR
from tests.client.scripted_server import Scripted, scripted_server
from tests.support.stack import Stack
from tests.support.stored_data import new_psk

DATA = Path(__file__).resolve().parent.parent / "data"
HR, IBI = DATA / "hr_measurement_2019_06_11", DATA / "ibi_measurement_2019_06_11"


@pytest.fixture
def identity() -> str:
    return f"simulated-{uuid4()}"


@pytest.fixture
def psk(live_db: None, identity: str) -> str:
    return new_psk(identity)


def _simulate(stack: Stack, *options: str, text: str = "") -> subprocess.CompletedProcess[str]:
    address = f"https://localhost:{stack.device_port}"
    return stack.manage("simulate_device", "--url", address, *options, text=text)


def _document(stack: Stack, *options: str) -> dict[str, Any]:
    run = _simulate(stack, "--json", *options)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_file_names_give_the_measurement_names(stack: Stack, identity: str, psk: str) -> None:
    document = _document(stack, "--psk", psk, "--file", str(HR), f"pulse={HR}", "--file", str(IBI))
    assert document["identity"] == identity
    assert len(document["certificate"]["sha256"]) == 64
    assert [receipt["name"] for receipt in document["receipts"]] == [
        "hr_measurement",
        "pulse",
        "ibi_measurement",
    ]
    assert {receipt["status"] for receipt in document["receipts"]} == {"stored"}
    assert (document["refusals"], document["error"]) == ([], None)


def test_an_export_equals_the_file_that_was_sent(stack: Stack, identity: str, psk: str) -> None:
    _document(stack, "--psk", psk, "--file", str(IBI))
    exported = stack.manage("export_samples", identity, "ibi_measurement").stdout.splitlines()
    sent = [line.split(",") for line in IBI.read_text().splitlines()]
    exported_lines = [line.split(",") for line in exported[1:]]
    assert [(int(at), float(value)) for at, value in exported_lines] == sorted(
        (int(at), float(value)) for at, value in sent
    )


def test_uploads_are_contiguous_and_the_last_one_ends_now(stack: Stack, psk: str) -> None:
    before_ms = time.time_ns() // 1_000_000
    document = _document(stack, "--psk", psk, "--samples", "60", "--uploads", "3")
    receipts = document["receipts"]
    assert [(receipt["samples"], receipt["new"]) for receipt in receipts] == [(60, 60)] * 3
    assert receipts[1]["first_ms"] == receipts[0]["last_ms"] + 1000
    assert before_ms - 1000 <= receipts[2]["last_ms"] <= time.time_ns() // 1_000_000


def test_acceleration_has_three_columns_with_fractions(
    stack: Stack, identity: str, psk: str
) -> None:
    options = ("--samples", "5", "--acceleration", "16")
    rate, acceleration = _document(stack, "--psk", psk, *options)["receipts"]
    assert (rate["name"], rate["new"]) == ("hr_measurement", 5)
    assert [(one["name"], one["new"]) for one in acceleration["series"]] == [
        ("acc.x", 80),
        ("acc.y", 80),
        ("acc.z", 80),
    ]
    assert acceleration["last_ms"] == rate["last_ms"]
    exported = stack.manage("export_samples", identity, "acc.x").stdout.splitlines()
    assert exported[1].partition(",")[0].endswith(".5")


def test_a_bound_device_needs_no_key(stack: Stack, psk: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "device")
    first = _document(stack, "--psk", psk, "--state-dir", folder, "--file", str(HR))
    second = _document(stack, "--state-dir", folder, "--file", str(HR))
    assert second["certificate"] == first["certificate"]
    assert [receipt["status"] for receipt in second["receipts"]] == ["duplicate"]


def test_the_key_is_read_from_standard_input(stack: Stack, psk: str, identity: str) -> None:
    run = _simulate(stack, "--psk", "-", "--samples", "5", text=f"{psk}\n")
    assert run.returncode == 0, run.stderr
    registered, receipt = run.stdout.splitlines()
    assert registered.startswith(f"registered as {identity}")
    assert receipt.startswith("stored    hr_measurement  5 samples, 5 new")


def test_a_wrong_key_prints_the_servers_problem(stack: Stack) -> None:
    run = _simulate(stack, "--psk", "dpsk_wrong", "--json")
    assert run.returncode == 1
    assert run.stderr.startswith("CommandError: the server refused: 400 Registration failed: ")
    assert len(run.stderr.splitlines()) == 1
    assert json.loads(run.stdout)["error"]["status"] == 400


def test_an_unreadable_line_is_printed_and_the_other_file_stored(
    stack: Stack, psk: str, tmp_path: Path
) -> None:
    broken = tmp_path / "hr_measurement_2020_01_01"
    broken.write_text("1577836800000,70\n1577836801000;71\n")
    run = _simulate(stack, "--psk", psk, "--file", str(broken), str(IBI))
    assert run.returncode == 1
    assert "line 2, column 14: got '1577836801000;71'" in run.stderr
    assert [line.split()[:2] for line in run.stdout.splitlines()[1:]] == [
        ["rejected", "hr_measurement"],
        ["stored", "ibi_measurement"],
    ]


def test_a_server_is_trusted_only_by_its_authority(stack: Stack, tmp_path: Path) -> None:
    with scripted_server(tmp_path, [Scripted(404, {})]) as other:
        command = ("simulate_device", "--url", other.url, "--psk", "dpsk_x")
        refused = stack.manage(*command)
        assert refused.returncode == 1
        assert "is not trusted" in refused.stderr
        assert other.requests == []
        assert "404 Not Found" in stack.manage(*command, "--cacert", str(other.authority)).stderr


def test_an_unreachable_server_is_one_line_of_error(stack: Stack) -> None:
    run = stack.manage("simulate_device", "--url", "https://localhost:1", "--psk", "dpsk_x")
    assert run.returncode == 1
    assert run.stderr == "CommandError: cannot reach localhost:1: Connection refused\n"


def test_an_endless_device_runs_until_sigterm(stack: Stack, psk: str, tmp_path: Path) -> None:
    options = ["--url", stack.device_url, "--psk", psk, "--samples", "1", "--uploads", "0"]
    output = tmp_path / "device.out"
    with output.open("wb") as file:
        device = subprocess.Popen(
            [sys.executable, "manage.py", "simulate_device", *options],
            cwd=PROJECT_DIR,
            env=stack.environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while output.read_text().count("stored ") < 3:
            assert device.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)
        device.send_signal(signal.SIGTERM)
        assert device.wait(30) == 0
    finally:
        device.kill()
    assert "Traceback" not in output.read_text()
