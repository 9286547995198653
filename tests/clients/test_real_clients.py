"""Real HTTP clients register, upload, and do the right thing after each answer.

With ``CLIENTS_TABLE=1`` the run writes docs/reference/clients.md.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from device_endpoint.env import PROJECT_DIR
from tests.client.scripted_server import Scripted, problem, scripted_server
from tests.clients.table import write_table
from tests.support.devices import Device
from tests.support.real_clients import CLIENTS, PROGRAMS, RealClient
from tests.support.stack import Stack

pytestmark = pytest.mark.clients

DATA = PROJECT_DIR / "tests" / "data"
ACC, HR = DATA / "acc_measurement_2019_06_11", DATA / "hr_measurement_2019_06_11"
Run = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def versions() -> Iterator[dict[str, str]]:
    """The versions of the clients that passed; written to the table at the end."""
    found: dict[str, str] = {}
    yield found
    if os.environ.get("CLIENTS_TABLE"):
        write_table(found)


class Program:
    """A client's program, built, with a device's key and certificate."""

    def __init__(self, client: RealClient, device: Device, folder: Path) -> None:
        self.client, self.device, self.folder = client, device, folder
        shutil.copytree(PROGRAMS / client.programs, folder)
        self.shell(client.build)

    def shell(self, command: str, text: str = "", **environment: str) -> str:
        run = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{command}\n{run.stderr}{run.stdout}"
        return run.stdout

    def run(self, *arguments: str, text: str = "", url: str = "", ca: Path | None = None) -> Run:
        """Return what the program decided, such as ``200 delete``, and the answer."""
        printed = self.shell(
            " ".join([self.client.run, *arguments]),
            text,
            URL=url or self.device.url,
            CA=str(ca or self.device.ca_file),
            CERT=str(self.device.certificate_file),
            KEY=str(self.device.key_file),
        )
        decision, _, answer = printed.partition("\n")
        return decision, json.loads(answer)


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def program(request: pytest.FixtureRequest, device: Device, tmp_path: Path) -> Program:
    return Program(request.param, device, tmp_path / "program")


def test_a_client_registers_uploads_and_obeys(
    program: Program, stack: Stack, versions: dict[str, str], tmp_path: Path
) -> None:
    files = (f"acc={ACC}", f"hr={HR}")
    # The body is larger than what is read before the certificate is known.
    decision, answer = program.run("upload", *files)
    assert (decision, answer["type"]) == ("403 keep", "urn:device-endpoint:certificate_not_bound")
    identity = f"client-{uuid4()}"
    decision, answer = program.run("register", text=stack.issue_psk(identity))
    assert (decision, answer["identity"]) == ("200 delete", identity)
    decision, answer = program.run("upload", *files)
    assert decision == "200 delete"
    acc, hr = answer["files"]
    assert [(one["name"], one["new"]) for one in acc["series"]] == [
        ("acc.x", 2400),
        ("acc.y", 2400),
        ("acc.z", 2400),
    ]
    assert (hr["status"], hr["new"]) == ("stored", 4998)
    bad = tmp_path / "bad.csv"
    bad.write_text("1560279835,93\n")
    decision, answer = program.run("upload", f"bad={bad}", f"hr={HR}")
    assert (decision, answer["type"]) == ("422 set aside", "urn:device-endpoint:unreadable_file")
    assert [one["status"] for one in answer["files"]] == ["rejected", "duplicate"]
    _check_retry(program, tmp_path)
    versions[program.client.name] = program.shell(program.client.version).strip()


def _check_retry(program: Program, folder: Path) -> None:
    """Answer 503 with a Retry-After once: the program must send the same files again."""
    busy = Scripted(503, problem(503, "service_unavailable", True), {"Retry-After": "1"})
    received = Scripted(200, {"files": [{"status": "stored"}]})
    with scripted_server(folder, [busy, received]) as server:
        url = f"{server.url.replace('127.0.0.1', 'localhost')}/device_endpoint"
        decision, _ = program.run("upload", f"acc={ACC}", url=url, ca=server.authority)
        assert decision == "200 delete"
        bodies = [body for _, _, body in server.requests]
        assert len(bodies) == 2
        for body in bodies:
            plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
            assert ACC.read_bytes() in plain
