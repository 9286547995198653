"""``device-client send`` and ``whoami``, run as commands against the real product."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from device_client.certificate import make_credentials, read_facts
from device_endpoint.env import PROJECT_DIR
from ingest.models import Measurement
from tests.client.scripted_server import Scripted, problem, scripted_server
from tests.support.programs import run_program
from tests.support.stack import Stack
from tests.support.stored_data import new_psk

DATA = Path(__file__).resolve().parent.parent / "data"
HR, IBI = DATA / "hr_measurement_2019_06_11", DATA / "ibi_measurement_2019_06_11"
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{PROJECT_DIR / 'client'}:{PROJECT_DIR}"}

pytestmark = pytest.mark.usefixtures("live_db")


class Client:
    """The command, for one device and one server."""

    def __init__(self, folder: Path, url: str, authority: Path) -> None:
        self.folder = folder / "device"
        self.options = [
            *("--url", url, "--cacert", str(authority)),
            *("--state-dir", str(self.folder)),
        ]

    def run(
        self, command: str, *arguments: str, text: str = "", killed_at: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        program = ["device_client"]
        if killed_at is not None:
            program = ["tests.client.power_loss", str(killed_at)]
        given = ("-m", *program, command, *self.options, *arguments)
        return run_program(*given, environment=ENVIRONMENT, text=text)

    def waiting(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "spool").iterdir())


@pytest.fixture
def client(stack: Stack, tmp_path: Path) -> Client:
    return Client(tmp_path, stack.device_url, stack.ca_file)


@pytest.fixture
def psk() -> str:
    return new_psk(f"command-{uuid4()}")


def test_a_file_is_stored_and_a_duplicate_the_next_time(client: Client, psk: str) -> None:
    first = client.run("send", "--psk", "-", str(HR), f"beats={IBI}", text=f"{psk}\n")
    assert (first.returncode, first.stderr) == (0, "")
    registered, *receipts = first.stdout.splitlines()
    assert registered.startswith("registered as command-")
    assert [line.split()[:2] for line in receipts] == [
        ["stored", "hr_measurement"],
        ["stored", "beats"],
    ]
    assert client.waiting() == []
    again = json.loads(client.run("send", "--json", str(HR)).stdout)
    assert [receipt["status"] for receipt in again["receipts"]] == ["duplicate"]
    assert (again["waiting"], again["error"], again["refusals"]) == (0, None, [])


def test_a_loggers_export_is_sent_in_one_command(client: Client, psk: str, tmp_path: Path) -> None:
    export = tmp_path / "ACC.csv"
    export.write_text(
        "1560279825.0, 1560279825.0, 1560279825.0\n32.0, 32.0, 32.0\n-61,25,6\n-62,24,11\n"
    )
    sent = client.run("send", "--convert", "--json", "--psk", psk, str(export))
    assert (sent.returncode, sent.stderr) == (0, "")
    (receipt,) = json.loads(sent.stdout)["receipts"]
    assert receipt["filename"] == "acc_2019_06_11_190345.csv"
    assert [one["name"] for one in receipt["series"]] == ["acc.x", "acc.y", "acc.z"]
    export.write_text("2019-06-11 18:45:01,1\n")
    wrong = client.run("send", "--convert", f"acc={export}")
    assert wrong.returncode == 1
    assert f"{export}, line 1: the time 2019-06-11 18:45:00 has no time zone" in wrong.stderr


@pytest.mark.slow
def test_a_file_of_more_hours_than_allowed_is_sent_in_parts(
    client: Client, psk: str, tmp_path: Path
) -> None:
    hourly = tmp_path / "hourly.csv"
    hourly.write_text("".join(f"{10**12 + hour * 3_600_000},1\n" for hour in range(30_001)))
    run = client.run("send", "--json", "--psk", psk, str(hourly))
    assert (run.returncode, run.stderr) == (0, "")
    document = json.loads(run.stdout)
    assert [one["new"] for one in document["receipts"]] == [30_000, 1]
    assert document["waiting"] == 0


def test_the_words_say_what_the_server_did(client: Client, psk: str) -> None:
    first = client.run("send", "--psk", psk, str(HR)).stdout.splitlines()
    assert first[0].startswith("registered as command-")
    assert first[1].startswith("stored    hr_measurement  4998 samples, 4998 new, 0 identical  ")
    again = client.run("send", "--psk", psk, str(HR)).stdout.splitlines()
    assert again[0].startswith("command-")
    assert again[1].startswith("duplicate hr_measurement  was stored before  ")


def test_an_acknowledged_file_is_not_sent_again(client: Client, psk: str) -> None:
    assert client.run("send", "--psk", psk, str(HR)).returncode == 0
    idle = client.run("send", "--json")
    assert (idle.returncode, json.loads(idle.stdout)["receipts"]) == (0, [])


def test_files_wait_without_a_server_until_the_next_run(client: Client, psk: str) -> None:
    url = client.options[1]
    client.options[1] = "https://localhost:1"
    away = client.run("send", "--psk", psk, "--patience", "0", str(HR))
    assert away.returncode == 1
    assert "cannot reach localhost:1" in away.stderr
    assert "1 waiting in" in away.stderr
    client.options[1] = url
    back = client.run("send", "--psk", psk)
    assert back.stdout.splitlines()[1].startswith("stored    hr_measurement")
    assert client.waiting() == []


def test_an_unreadable_file_is_set_aside_and_the_other_stored(
    client: Client, psk: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("1560279835,93\n")
    run = client.run("send", "--psk", psk, str(broken), str(IBI))
    assert run.returncode == 1
    assert "These look like seconds" in run.stderr
    assert f"kept as {client.folder}/refused/000000000001.upload" in run.stderr
    assert client.waiting() == []


def test_whoami_prints_the_identity_and_the_waiting_files(client: Client, psk: str) -> None:
    unknown = client.run("whoami", "--json")
    assert unknown.returncode == 1
    document: dict[str, Any] = json.loads(unknown.stdout)
    assert document["error"]["type"] == "urn:device-endpoint:certificate_not_bound"
    assert document["certificate"]["sha256"] == document["error"]["certificate"]["sha256"]
    client.run("send", "--psk", psk)
    known = client.run("whoami")
    assert known.stdout.startswith("command-")
    assert known.stdout.endswith(f"0 waiting in {client.folder}/spool\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["two words"], "gives no measurement name: write NAME=PATH"),
        (["no-such-file"], "cannot read no-such-file: No such file or directory"),
    ],
)
def test_an_invalid_file_argument_is_one_line_of_error(
    client: Client, arguments: list[str], message: str
) -> None:
    run = client.run("send", *arguments)
    assert run.returncode != 0
    assert run.stderr.count("\n") == 1
    assert message in run.stderr


def test_a_terminal_shows_a_progress_bar(client: Client, psk: str, tmp_path: Path) -> None:
    large = tmp_path / "hr.csv"
    large.write_text("".join(f"{1_700_000_000_000 + 1000 * i},70\n" for i in range(100_000)))
    screen_fd, terminal = pty.openpty()
    command = [sys.executable, "-m", "device_client", "send", *client.options]
    with os.fdopen(screen_fd, "rb", closefd=True) as screen:
        with subprocess.Popen(
            [*command, "--psk", psk, str(large)],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=terminal,
        ) as process:
            os.close(terminal)
            drawn = b""
            while chunk := _read(screen.fileno()):
                drawn += chunk
            assert process.stdout is not None
            assert b"stored    hr" in process.stdout.read()
        assert process.returncode == 0
    assert b"[..............................]   0 %" in drawn
    assert b"[##############################] 100 %  1.7 of 1.7 MB" in drawn
    assert drawn.endswith(b" \r")


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # the other side has closed the terminal
        return b""


def test_send_renews_a_certificate_that_expires_soon(client: Client, psk: str) -> None:
    client.folder.mkdir(mode=0o700)
    old = make_credentials(datetime.now(UTC) - timedelta(days=300))
    (client.folder / "device.pem").write_bytes(old)
    first = client.run("send", "--psk", psk, str(IBI))
    assert first.returncode == 0, first.stderr
    registered, renewed, stored = first.stdout.splitlines()
    assert read_facts(old).sha256 in registered
    new = read_facts((client.folder / "device.pem").read_bytes()).sha256
    assert renewed == f"renewed ({new})"
    assert stored.startswith("stored    ibi_measurement")
    assert new in client.run("send").stdout


def test_no_file_is_lost_or_doubled_by_a_power_cut(client: Client, tmp_path: Path) -> None:
    identity = f"power-{uuid4()}"
    assert client.run("send", "--psk", new_psk(identity)).returncode == 0
    # Killed before each act: write the authorities (1, 2), add the file to the spool (3, 4),
    # request whoami (5), send the upload's head and body (6, 7), delete the received file (from 8).
    files = []
    for moment in range(1, 10):
        files.append(tmp_path / f"pulse_{moment}.csv")
        files[-1].write_text(f"{1_700_000_000_000 + moment},{moment}\n")
        assert client.run("send", f"pulse={files[-1]}", killed_at=moment).returncode == -9
    assert client.run("send", *(f"pulse={file}" for file in files)).returncode == 0
    assert client.waiting() == []
    stored = Measurement.objects.filter(identity__name=identity, name="pulse")
    assert [(found.status, found.new) for found in stored] == [("stored", 1)] * len(files)


def test_send_retries_the_same_files_while_the_server_is_busy(tmp_path: Path) -> None:
    known: dict[str, object] = {
        "identity": "w",
        "certificate": {"sha256": "ab" * 32, "not_after": "2099-01-01"},
    }
    busy = Scripted(429, problem(429, "too_many_requests", True), {"Retry-After": "1"})
    with scripted_server(tmp_path, [Scripted(200, known), busy, busy]) as server:
        client = Client(tmp_path, server.url, server.authority)
        run = client.run("send", "--patience", "3", str(HR))
        assert run.returncode == 1
        uploads = [body for method, _, body in server.requests if method == "POST"]
        assert 2 <= len(uploads) <= 4
        assert all(HR.read_bytes() in body for body in uploads)
    assert client.waiting() == ["000000000001.upload"]
