"""The programs of the Node, C and ESP32 pages, run as printed against the real product."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.client.scripted_server import Scripted, problem, scripted_server
from tests.support.stack import Stack

pytestmark = pytest.mark.recipes

PROJECT = Path(__file__).resolve().parents[2]
RECORDING = PROJECT / "tests/data/hr_measurement_2019_06_11"
ACCELERATION = PROJECT / "tests/data/acc_measurement_2019_06_11"
PROGRAMS = {"node.md": ("js", "device.mjs"), "c.md": ("c", "device.c")}
RECEIVED: dict[str, object] = {"files": [{"status": "stored"}]}
BUSY = problem(503, "service_unavailable", True)


def _page(name: str) -> str:
    return (PROJECT / "docs/how-to" / name).read_text()


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)


def _write_program(recipe: str, folder: Path, url: str, authority: Path) -> None:
    language, name = PROGRAMS[recipe]
    (program,) = _blocks(_page(recipe), language)
    replacements = {"https://localhost:8443/device_endpoint": url, "var/tls/ca.crt": str(authority)}
    for printed, actual in replacements.items():
        assert program.count(printed) == 1
        program = program.replace(printed, actual)
    (folder / name).write_text(program)
    (folder / "recording").write_bytes(RECORDING.read_bytes())
    (folder / "acceleration").write_bytes(ACCELERATION.read_bytes())


def _run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _prepare(recipe: str, folder: Path, url: str, authority: Path) -> str:
    """Write the program, run all command blocks of the page but the last, and return the last."""
    _write_program(recipe, folder, url, authority)
    *before, use = _blocks(_page(recipe), "sh")
    made = _run("".join(before), folder)
    assert made.returncode == 0, made.stderr
    return use


@pytest.mark.parametrize("recipe", PROGRAMS)
def test_a_recipes_device_registers_and_uploads(stack: Stack, tmp_path: Path, recipe: str) -> None:
    use = _prepare(recipe, tmp_path, stack.device_url, stack.ca_file)
    identity = f"recipe-{uuid4()}"
    run = _run(use, tmp_path, psk=stack.issue_psk(identity))
    assert run.returncode == 0, run.stderr
    unknown, registered, columns, stored = (json.loads(line) for line in run.stdout.splitlines())
    assert unknown["type"] == "urn:device-endpoint:certificate_not_bound"
    assert (registered["identity"], registered["already_bound"]) == (identity, False)
    (axes,) = columns["files"]
    assert [(one["name"], one["new"]) for one in axes["series"]] == [
        ("acc.x", 2400),
        ("acc.y", 2400),
        ("acc.z", 2400),
    ]
    (receipt,) = stored["files"]
    assert (receipt["status"], receipt["samples"]) == ("stored", 4998)
    assert receipt["filename"] == "recording"


@contextmanager
def _upload(
    recipe: str, folder: Path, responses: list[Scripted]
) -> Iterator[tuple[subprocess.CompletedProcess[str], list[Any]]]:
    with scripted_server(folder, responses) as server:
        use = _prepare(recipe, folder, server.url, server.authority)
        run = _run(use.splitlines()[-1], folder)
        yield run, server.requests


@pytest.mark.parametrize("recipe", PROGRAMS)
def test_a_retry_sends_the_same_file_after_retry_after(tmp_path: Path, recipe: str) -> None:
    busy = Scripted(503, BUSY, {"Retry-After": "1"})
    with _upload(recipe, tmp_path, [busy, Scripted(200, RECEIVED)]) as (run, requests):
        assert run.returncode == 0, run.stderr
        assert re.search(r"503.* again in [12]\.\d s", run.stderr)
        assert len(requests) == 2
        assert all(RECORDING.read_bytes() in body for _, _, body in requests)


@pytest.mark.parametrize("recipe", PROGRAMS)
@pytest.mark.parametrize(("status", "exit_in_c"), [(422, 2), (403, 1)])
def test_a_refusal_is_printed_and_not_retried(
    tmp_path: Path, recipe: str, status: int, exit_in_c: int
) -> None:
    refusal = Scripted(status, problem(status, "scripted_problem", status == 403))
    with _upload(recipe, tmp_path, [refusal]) as (run, requests):
        assert run.returncode == (exit_in_c if recipe == "c.md" else 1)
        assert json.loads(run.stdout)["status"] == status
        assert len(requests) == 1


@pytest.mark.parametrize("recipe", PROGRAMS)
def test_an_untrusted_server_receives_no_request(tmp_path: Path, recipe: str) -> None:
    with scripted_server(tmp_path, [Scripted(200, RECEIVED)]) as server:
        other = tmp_path / "other.crt"
        _run("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -out other.crt", tmp_path)
        use = _prepare(recipe, tmp_path, server.url, other)
        run = _run(f"timeout 3 {use.splitlines()[-1]}", tmp_path)
        assert run.returncode != 0
        assert "certificate" in run.stderr
        assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("", "usage: "),
        ("constructor", "usage: "),
        ("upload hr_measurement", "usage: "),
        ("upload hr_measurement missing", "not sent: ENOENT"),
        ("upload hr_measurement .", "not sent: EISDIR"),
    ],
)
def test_node_explains_a_missing_command_or_file(
    tmp_path: Path, arguments: str, error: str
) -> None:
    with scripted_server(tmp_path, []) as server:
        _prepare("node.md", tmp_path, server.url, server.authority)
        run = _run(f"node device.mjs {arguments}", tmp_path)
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.startswith(error)
        assert len(run.stderr.splitlines()) == 1
        assert server.requests == []


PRINTING = """
#include <stdio.h>
#include "device_certificate.h"
int main(void) {
    static char key[512], certificate[1536];
    if (make_credentials(key, sizeof key, certificate, sizeof certificate) != 0) return 1;
    return printf("%s%s", key, certificate) < 0;
}
"""


def test_the_esp32s_certificate_is_accepted(stack: Stack, tmp_path: Path) -> None:
    header, code = _blocks(_page("esp32.md"), "c")
    (tmp_path / "device_certificate.h").write_text(header)
    (tmp_path / "device_certificate.c").write_text(code)
    (tmp_path / "main.c").write_text(PRINTING)
    flags = "-std=c11 -Wall -Wextra -Werror"
    made = _run(
        f"gcc {flags} -o make main.c device_certificate.c -lmbedx509 -lmbedcrypto; ./make > pem",
        tmp_path,
    )
    assert made.returncode == 0, made.stderr
    identity = f"esp32-{uuid4()}"
    (tmp_path / "key.json").write_text(json.dumps({"PSK": stack.issue_psk(identity)}))
    answer = _run(
        f"curl --silent --cacert {stack.ca_file} --cert pem --data-binary @key.json"
        f" --header Content-Type:application/json {stack.device_url}",
        tmp_path,
    )
    assert json.loads(answer.stdout)["identity"] == identity, answer
