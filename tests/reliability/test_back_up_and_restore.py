"""The commands of docs/how-to/back-up-and-restore.md, run while devices send."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from device_endpoint.env import PROJECT_DIR
from device_endpoint.supervisor.executables import postgres_folder
from tests.fault_injection import database_state, verdict
from tests.reliability.load import measurement, send_load, wait_for_responses
from tests.support.devices import Device
from tests.support.stack import Stack

# Starts and stops installations for minutes.
pytestmark = pytest.mark.debian

PAGE = PROJECT_DIR / "docs" / "how-to" / "back-up-and-restore.md"


def _read_commands() -> list[str]:
    """Return the lines of the page's code blocks, in order."""
    blocks = re.findall(r"^```\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def _run(folder: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{postgres_folder()}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", command],
        cwd=folder,
        env={"PATH": path, "PYTHONPATH": str(PROJECT_DIR), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _address(stack: Stack, database: str) -> str:
    sockets = stack.var_dir / "run" / "postgres"
    return f"postgresql:///{database}?host={sockets}&user=device_endpoint"


def _upload_files(device: Device, count: int) -> set[str]:
    """Upload ``count`` files; return their SHA-256 digests."""
    contents = [measurement(number, value=71) for number in range(count)]
    for content in contents:
        assert device.upload(("before", None, content)).json()["files"][0]["status"] == "stored"
    return {hashlib.sha256(content).hexdigest() for content in contents}


def _read_state(address: str) -> database_state.DatabaseState:
    with psycopg.connect(address, row_factory=psycopg.rows.dict_row) as session:
        return database_state.read_state(session)


def test_a_dump_under_load_holds_all_acknowledged_files(
    own_stack: Stack, bind: Callable[[int], list[Device]], tmp_path: Path
) -> None:
    dump, secrets, create, restore, migrate, verify = [
        line for line in _read_commands() if not line.startswith('DATABASE_URL="postgresql')
    ]
    known, *others = bind(3)
    restored = _address(own_stack, "restored")
    with send_load(others) as load:
        wait_for_responses(load, 10)
        acknowledged = _upload_files(known, 5)
        run = _run(tmp_path, dump, DATABASE_URL=_address(own_stack, "device_endpoint"))
        assert run.returncode == 0, run.stderr
        wait_for_responses(load, 10)
    for command in (secrets.replace("=var", f"={own_stack.var_dir}"), create, restore):
        run = _run(
            tmp_path,
            command,
            MAINTENANCE_URL=_address(own_stack, "postgres"),
            RESTORED_URL=restored,
        )
        assert run.returncode == 0, run.stderr
    found = _read_state(restored)
    findings = verdict.compare(verdict.Transcript(), found).findings
    assert [text for text in findings if not text.startswith("stored, but never sent")] == []
    assert acknowledged <= {file.sha256 for file in found.files}
    assert (tmp_path / "secrets.tar").exists()
    # Run with the project's Python and settings.
    for line, command in ((migrate, "migrate"), (verify, "verify")):
        assert line.endswith(f"manage.py {command}")
        checked = _manage(own_stack, command)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def _manage(stack: Stack, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=PROJECT_DIR,
        env=stack.environment | {"DATABASE_URL": _django_address(stack)},
        capture_output=True,
        text=True,
        check=False,
    )


def _django_address(stack: Stack) -> str:
    sockets = str(stack.var_dir / "run" / "postgres").replace("/", "%2F")
    return f"postgres://device_endpoint@{sockets}/restored"
