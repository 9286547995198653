"""The conformance checks hold for the product, and name what is wrong with other fronts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from device_client.conformance.runner import CHECKS, name_of, shows
from device_endpoint.env import PROJECT_DIR
from tests.client.reverse_proxies import Edit, other_front
from tests.client.scripted_server import Scripted, scripted_server
from tests.support.stack import Stack

# Minutes of starting and stopping whole stacks: more than `make test` may take.
pytestmark = pytest.mark.debian

NAMES = [name_of(check) for check in CHECKS]


def run_kit(url: str, authority: Path, psk: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "device_client", "check", "--url", url, "--psk", "-"),
            *("--cacert", str(authority), *options),
        ],
        env=os.environ | {"PYTHONPATH": str(PROJECT_DIR / "client")},
        input=f"{psk}\n",
        capture_output=True,
        text=True,
        check=False,
    )


def psk_of(stack: Stack) -> str:
    return stack.issue_psk(f"conformance-{uuid4()}")


def failures(run: subprocess.CompletedProcess[str]) -> dict[str, str]:
    document: dict[str, Any] = json.loads(run.stdout)
    assert [check["name"] for check in document["checks"]] == NAMES
    found = {check["name"]: check["found"] for check in document["checks"] if not check["ok"]}
    assert document["failed"] == len(found) == len(NAMES) - document["passed"]
    assert document["ok"] is not bool(found)
    assert run.returncode == (1 if found else 0), run.stderr
    return found


def test_every_check_has_a_name_of_its_own_and_says_what_it_shows() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 30
    assert all(shows(check) for check in CHECKS)


def test_the_page_says_where_to_look_for_every_check() -> None:
    page = (PROJECT_DIR / "docs/how-to/test-a-reverse-proxy.md").read_text()
    table = page.partition("|---|---|")[2]
    named = [name for line in table.splitlines() for name in _names(line.split("|")[1:2])]
    assert sorted(named) == sorted(NAMES)


def _names(cells: list[str]) -> list[str]:
    return [name.strip(" `") for cell in cells for name in cell.split(",")]


def test_every_check_holds_for_the_product(stack: Stack) -> None:
    psk = psk_of(stack)
    run = run_kit(stack.device_url, stack.ca_file, psk)
    assert run.returncode == 0, run.stdout
    *lines, count = run.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in NAMES]
    assert count == f"{len(NAMES)} of {len(NAMES)} checks hold"
    assert psk not in run.stdout + run.stderr


GENUINE = Edit(
    "device_proxy.conf",
    "proxy_set_header X-Client-Cert $ssl_client_escaped_cert;",
    "proxy_set_header X-Client-Cert $some_certificate;",
)
FRONTS: dict[str, tuple[tuple[Edit, ...], set[str]]] = {
    "a client's own header goes before the certificate of TLS": (
        (
            GENUINE,
            Edit(
                "device.conf",
                "server {",
                "map $http_x_client_cert $some_certificate {\n"
                '    "" $ssl_client_escaped_cert;\n    default $http_x_client_cert;\n}\nserver {',
            ),
        ),
        {"forged_headers_ignored"},
    ),
    "session tickets": (
        (
            Edit("nginx.conf", "ssl_session_tickets off;", "ssl_session_tickets on;"),
            Edit("nginx.conf", "ssl_session_cache off;", "ssl_session_cache shared:x:1m;"),
        ),
        {"no_session_resumed"},
    ),
    "nginx's own pages for its errors": (
        (Edit("device.conf", "    error_page 4", "    # error_page 4"),),
        {
            "plain_http_refused",
            "path_before_method",
            "errors_are_problems",
            "smuggling_refused",
            "limit_is_the_published",
        },
    ),
    "a limit of its own": (
        (Edit("device.conf", "client_max_body_size 67108864;", "client_max_body_size 1m;"),),
        {"big_upload_passes", "limit_is_the_published"},
    ),
    "HTTP/2": ((Edit("device.conf", "    server_name _;", "    http2 on;"),), {"http2_off"}),
}


@pytest.mark.parametrize("front", FRONTS, ids=str)
def test_what_is_wrong_with_a_front_is_named(stack: Stack, tmp_path: Path, front: str) -> None:
    edits, expected = FRONTS[front]
    with other_front(stack, tmp_path / "front", edits) as url:
        found = failures(run_kit(url, stack.ca_file, psk_of(stack), "--json"))
    assert set(found) == expected, found


def test_a_front_that_asks_for_no_certificate_lets_no_device_in(
    stack: Stack, tmp_path: Path
) -> None:
    off = Edit("device.conf", "ssl_verify_client optional_no_ca;", "ssl_verify_client off;")
    with other_front(stack, tmp_path / "front", (off,)) as url:
        found = failures(run_kit(url, stack.ca_file, psk_of(stack), "--json"))
    assert {"certificate_asked_for", "own_fingerprint_shown", "key_registers"} <= set(found)
    assert found["receipts_are_whole"] == "not tried: the device could not register"
    assert "no_session_resumed" not in found


def test_a_location_without_the_file_of_headers_lets_forged_ones_through(
    stack: Stack, tmp_path: Path
) -> None:
    names = ("X-Client-Cert $ssl_client_escaped_cert", "X-Client-Verify $ssl_client_verify")
    edits = tuple(Edit("device_proxy.conf", f"proxy_set_header {name};") for name in names)
    with other_front(stack, tmp_path / "front", edits) as url:
        found = failures(run_kit(url, stack.ca_file, psk_of(stack), "--json"))
    assert "X-Client-Cert of a client was taken" in found["forged_headers_ignored"]
    assert {"certificate_asked_for", "own_fingerprint_shown", "key_registers"} <= set(found)
    assert "errors_are_problems" not in found


def test_something_else_altogether_fails_without_a_trace(tmp_path: Path) -> None:
    with scripted_server(tmp_path, [Scripted(200, {"hello": "world"})]) as other:
        run = run_kit(other.url, other.authority, "dpsk_x", "--json")
    assert "Traceback" not in run.stderr
    assert {"certificate_asked_for", "key_registers", "path_before_method"} <= set(failures(run))


def test_a_wrong_key_is_said(stack: Stack) -> None:
    found = failures(run_kit(stack.device_url, stack.ca_file, "dpsk_wrong", "--json"))
    assert "is the key still good?" in found["key_registers"]
    assert "errors_are_problems" not in found


@pytest.mark.parametrize(
    ("url", "told"),
    [("http://localhost", "not an address like https"), ("https://localhost:x", "not an address")],
)
def test_an_address_that_cannot_be_is_one_line(tmp_path: Path, url: str, told: str) -> None:
    authority = tmp_path / "none.pem"
    run = run_kit(url, authority, "dpsk_x")
    assert (run.returncode, len(run.stderr.splitlines())) == (2, 1)
    assert "cannot read" in run.stderr or told in run.stderr


def test_a_server_that_is_not_there_fails_every_check(stack: Stack) -> None:
    found = failures(run_kit("https://localhost:1", stack.ca_file, "dpsk_x", "--json"))
    assert found["certificate_asked_for"] == "no answer: Connection refused"
