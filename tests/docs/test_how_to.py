"""The how-to pages for devices, run as printed against the real product."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.stack import Stack
from tests.support.stored_data import new_psk

pytestmark = pytest.mark.usefixtures("live_db")

PROJECT = Path(__file__).resolve().parents[2]
RECORDING = PROJECT / "tests/data/hr_measurement_2019_06_11"


def _here(text: str, stack: Stack) -> str:
    """Return ``text`` for the tests' installation."""
    return (
        text.replace("https://localhost:8443", f"https://localhost:{stack.device_port}")
        .replace("var/tls/ca.crt", str(stack.ca_file))
        .replace("dpsk_…", new_psk(f"how-to-{uuid4()}"))
    )


@pytest.fixture
def section(stack: Stack) -> dict[str, str]:
    """Give the first block of code below each heading of docs/how-to/curl.md."""
    page = (PROJECT / "docs/how-to/curl.md").read_text()
    found = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```\n(.*?)^```$", page, re.M | re.S)
    return {heading: _here(code, stack) for heading, code in found}


def _run(script: str, folder: Path, **environment: str) -> list[str]:
    run = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.replace("}{", "}\n{").splitlines()


def test_a_device_with_curl(stack: Stack, section: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "recording").write_bytes(RECORDING.read_bytes())
    steps = (
        "Make a key and a certificate",
        "Write the connection down once",
        "Check, register, upload",
        "Several columns",
        "Compress",
        "Retry after a failure",
    )
    psk = new_psk(f"how-to-{uuid4()}")
    lines = _run("".join(section[step] for step in steps), tmp_path, psk=psk)
    unknown, registered, stored, columns, compressed, again = (json.loads(line) for line in lines)
    assert unknown["type"] == "urn:device-endpoint:certificate_not_bound"
    assert registered["already_bound"] is False
    names = [one["name"] for one in columns["files"][0]["series"]]
    assert names == ["acc.x", "acc.y", "acc.z"]
    answers = (stored, compressed, again)
    statuses = [answer["files"][0]["status"] for answer in answers]
    assert statuses == ["stored", "duplicate", "duplicate"]


def test_a_device_in_python(stack: Stack, tmp_path: Path) -> None:
    page = (PROJECT / "docs/how-to/python.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)[0]
    run = subprocess.run(
        [sys.executable, "-c", _here(code, stack)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT / "client")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("stored    hr_measurement  1 samples, 1 new")
    assert "\nstored    acc  6 samples, 6 new" in run.stdout


def test_a_device_without_programming(stack: Stack, tmp_path: Path) -> None:
    page = (PROJECT / "docs/how-to/python.md").read_text()
    (commands,) = re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S)
    (tmp_path / RECORDING.name).write_bytes(RECORDING.read_bytes())
    (tmp_path / "second_recording.csv").write_bytes(b"1560279908504,609.403\n")
    installed = f'device-client() {{ "{sys.executable}" -m device_client "$@"; }}\n'
    identity = f"how-to-{uuid4()}"
    lines = _run(
        installed + _here(commands, stack),
        tmp_path,
        psk=new_psk(identity),
        PYTHONPATH=str(PROJECT / "client"),
    )
    assert [line.split()[:2] for line in lines[2:4]] == [
        ["stored", "hr_measurement"],
        ["stored", "ibi"],
    ]
    assert lines[4].startswith(f"{identity}, certificate ")
