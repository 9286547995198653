"""The README's commands, run as printed against the real product."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import Stack

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
NEXT = "=== next block ==="


def _here(block: str, stack: Stack, folder: Path) -> str:
    """Return ``block`` for the tests' installation, which has other ports and folders."""
    for printed, meant in {
        "https://localhost:8443": f"https://localhost:{stack.device_port}",
        "var/tls/ca.crt": str(stack.ca_file),
        "var/my-device": str(folder / "my-device"),
        ".venv/bin/python": shlex.quote(sys.executable),
    }.items():
        block = block.replace(printed, meant)
    return block


@pytest.fixture
def answers(stack: Stack, tmp_path: Path) -> list[str]:
    script = f"echo '{NEXT}'\n".join(_here(block, stack, tmp_path) for block in BLOCKS)
    run = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=PROJECT,
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return [part.strip() for part in run.stdout.split(NEXT)]


def test_a_device_s_first_minute_works_as_printed(answers: list[str]) -> None:
    made, function, registered, stored, again, broken, exported = answers
    assert made == function == ""
    assert json.loads(registered)["identity"] == "my-first-identity"
    first, second = (json.loads(text)["files"][0] for text in (stored, again))
    assert (first["status"], first["samples"]) == ("stored", 4998)
    assert second == {**first, "status": "duplicate"}
    refused = json.loads(broken)
    assert refused["status"] == 422
    assert refused["files"][0]["errors"][0]["line"] == 3
    assert exported.splitlines()[:2] == ["time_ms,value", "1560279835000,93"]


def test_the_readme_names_the_two_commands() -> None:
    assert re.search(r"^```\nmake demo\n```$", README, re.MULTILINE)
    assert re.search(r"^```\nmake test\n```$", README, re.MULTILINE)
