"""The product passes the conformance checks; misconfigured reverse proxies fail them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from device_client.conformance.runner import CHECKS, describe
from device_endpoint.env import PROJECT_DIR
from tests.client.reverse_proxies import Edit, run_proxy
from tests.client.scripted_server import Scripted, scripted_server
from tests.support.programs import run_program
from tests.support.stack import Stack
from tests.support.stored_data import new_psk

NAMES = [check.__name__ for check in CHECKS]
# Each of these starts an nginx and runs all checks: too long for `make test`.
needs_minutes = pytest.mark.debian


def run_check(
    url: str, authority: Path, psk: str, *options: str
) -> subprocess.CompletedProcess[str]:
    return run_program(
        *("-m", "device_client", "check", "--url", url, "--psk", "-"),
        *("--cacert", str(authority), *options),
        environment=os.environ | {"PYTHONPATH": str(PROJECT_DIR / "client")},
        text=f"{psk}\n",
    )


@pytest.fixture
def psk(live_db: None) -> str:
    return new_psk(f"conformance-{uuid4()}")


def failures(run: subprocess.CompletedProcess[str]) -> dict[str, str]:
    document: dict[str, Any] = json.loads(run.stdout)
    assert [check["name"] for check in document["checks"]] == NAMES
    found = {check["name"]: check["found"] for check in document["checks"] if not check["ok"]}
    assert document["failed"] == len(found) == len(NAMES) - document["passed"]
    assert document["ok"] is not bool(found)
    assert run.returncode == (1 if found else 0), run.stderr
    return found


def test_every_check_has_a_unique_name_and_a_description() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 30
    assert all(describe(check) for check in CHECKS)


def test_the_page_lists_every_check() -> None:
    page = (PROJECT_DIR / "docs/how-to/test-a-reverse-proxy.md").read_text()
    table = page.partition("|---|---|")[2]
    named = [name for line in table.splitlines() for name in _names(line.split("|")[1:2])]
    assert sorted(named) == sorted(NAMES)


def _names(cells: list[str]) -> list[str]:
    return [name.strip(" `") for cell in cells for name in cell.split(",")]


def test_the_product_passes_every_check(stack: Stack, psk: str) -> None:
    run = run_check(stack.device_url, stack.ca_file, psk)
    assert run.returncode == 0, run.stdout
    *lines, count = run.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in NAMES]
    assert count == f"{len(NAMES)} of {len(NAMES)} checks passed"
    assert psk not in run.stdout + run.stderr


GENUINE = Edit(
    "device_proxy.conf",
    "proxy_set_header X-Client-Cert $ssl_client_escaped_cert;",
    "proxy_set_header X-Client-Cert $some_certificate;",
)
PROXIES: dict[str, tuple[tuple[Edit, ...], set[str]]] = {
    "a client's header overrides the TLS certificate": (
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
    "nginx's own error pages": (
        (Edit("device.conf", "    error_page 4", "    # error_page 4"),),
        {
            "plain_http_refused",
            "path_before_method",
            "errors_are_problems",
            "smuggling_refused",
            "limit_is_the_published",
        },
    ),
    "its own body limit": (
        (Edit("device.conf", "client_max_body_size 67108864;", "client_max_body_size 1m;"),),
        {"big_upload_passes", "limit_is_the_published"},
    ),
    "HTTP/2": ((Edit("device.conf", "    server_name _;", "    http2 on;"),), {"http2_off"}),
}


@needs_minutes
@pytest.mark.parametrize("proxy", PROXIES, ids=str)
def test_a_misconfigured_proxy_fails_the_matching_checks(
    stack: Stack, psk: str, tmp_path: Path, proxy: str
) -> None:
    edits, expected = PROXIES[proxy]
    with run_proxy(stack, tmp_path / "proxy", edits) as url:
        found = failures(run_check(url, stack.ca_file, psk, "--json"))
    assert set(found) == expected, found


@needs_minutes
def test_a_proxy_without_client_certificates_registers_nobody(
    stack: Stack, psk: str, tmp_path: Path
) -> None:
    off = Edit("device.conf", "ssl_verify_client optional_no_ca;", "ssl_verify_client off;")
    with run_proxy(stack, tmp_path / "proxy", (off,)) as url:
        found = failures(run_check(url, stack.ca_file, psk, "--json"))
    assert {"certificate_requested", "own_fingerprint_shown", "key_registers"} <= set(found)
    assert found["receipts_are_whole"] == "skipped: the device could not register"
    assert "no_session_resumed" not in found


@needs_minutes
def test_a_location_without_its_headers_passes_forged_ones(
    stack: Stack, psk: str, tmp_path: Path
) -> None:
    names = ("X-Client-Cert $ssl_client_escaped_cert", "X-Client-Verify $ssl_client_verify")
    edits = tuple(Edit("device_proxy.conf", f"proxy_set_header {name};") for name in names)
    with run_proxy(stack, tmp_path / "proxy", edits) as url:
        found = failures(run_check(url, stack.ca_file, psk, "--json"))
    assert "X-Client-Cert of a client was taken" in found["forged_headers_ignored"]
    assert {"certificate_requested", "own_fingerprint_shown", "key_registers"} <= set(found)
    assert "errors_are_problems" not in found


def test_an_unrelated_server_fails_without_a_traceback(tmp_path: Path) -> None:
    with scripted_server(tmp_path, [Scripted(200, {"hello": "world"})]) as other:
        run = run_check(other.url, other.authority, "dpsk_x", "--json")
    assert "Traceback" not in run.stderr
    assert {"certificate_requested", "key_registers", "path_before_method"} <= set(failures(run))


def test_a_wrong_key_fails_the_registration_check(stack: Stack) -> None:
    found = failures(run_check(stack.device_url, stack.ca_file, "dpsk_wrong", "--json"))
    assert "is the key still valid?" in found["key_registers"]
    assert "errors_are_problems" not in found


@pytest.mark.parametrize(
    ("url", "message"),
    [("http://localhost", "not an address like https"), ("https://localhost:x", "not an address")],
)
def test_an_invalid_address_is_one_line_of_error(tmp_path: Path, url: str, message: str) -> None:
    authority = tmp_path / "none.pem"
    run = run_check(url, authority, "dpsk_x")
    assert (run.returncode, len(run.stderr.splitlines())) == (2, 1)
    assert "cannot read" in run.stderr or message in run.stderr


def test_an_unreachable_server_fails_every_check(stack: Stack) -> None:
    found = failures(run_check("https://localhost:1", stack.ca_file, "dpsk_x", "--json"))
    assert found["certificate_requested"] == "no response: Connection refused"
