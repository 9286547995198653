"""``manage.py doctor``: its findings, and exit status 1 if one of them says FAIL."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from device_endpoint.doctor import (
    database,
    endpoints,
    filesystem,
    header_spoofing,
    listening_ports,
)
from device_endpoint.env import PROJECT_DIR
from device_endpoint.local_probe import Response
from identities.credentials import issue_psk
from identities.models import Identity, PreSharedKey
from tests.security.test_forged_headers import socket_of
from tests.support.devices import Device
from tests.support.programs import run_program
from tests.support.stack import Stack, free_ports

CHECKS = {
    "settings",
    "sockets",
    "secrets",
    "disk",
    "database",
    "migrations",
    "superuser",
    "durability",
    "version",
    "clock",
    "keys",
    "device certificates",
    "device API",
    "staff site",
    "server certificate",
    "forged certificates through nginx",
    "forged certificates bypassing nginx",
    "listeners",
}


def doctor(stack: Stack) -> tuple[int, dict[str, dict[str, str]]]:
    run = stack.manage("doctor", "--json")
    document = json.loads(run.stdout)
    assert document["ok"] == (run.returncode == 0), run.stderr
    return run.returncode, {one["name"]: one for one in document["checks"]}


def test_a_running_installation_has_no_findings(stack: Stack) -> None:
    logs = [stack.var_dir / "log" / f"{service}.log" for service in ("device", "staff")]
    before = [len(log.read_text()) for log in logs]
    status, found = doctor(stack)
    # What its own probes are refused is no error.
    written = [log.read_text()[start:] for log, start in zip(logs, before, strict=True)]
    assert not any("proxy secret is wrong" in text for text in written)
    assert status == 0
    assert found.keys() == CHECKS
    # The disk depends on the machine, and the rows of devices on the tests that ran before.
    others = {"disk", "keys", "device certificates"}
    assert [one for name, one in found.items() if name not in others and one["level"] != "ok"] == []
    assert (
        found["forged certificates through nginx"]["text"] == "26 forged certificates, all rejected"
    )


@contextmanager
def misconfigured(stack: Stack, right: str, wrong: str) -> Iterator[None]:
    """Run nginx with a mistake in the header file of the device API."""
    file = stack.var_dir / "nginx" / "device_proxy.conf"
    nginx = int((stack.var_dir / "run" / "run" / "nginx.pid").read_text())
    good = file.read_text()
    assert right in good
    try:
        file.write_text(good.replace(right, wrong))
        os.kill(nginx, signal.SIGHUP)
        yield
    finally:
        file.write_text(good)
        os.kill(nginx, signal.SIGHUP)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_nginx_that_passes_the_header_on_is_found(
    stack: Stack, make_device: Callable[..., Device]
) -> None:
    nobody, claimed = make_device(anonymous=True), make_device()
    lines = next(
        header_spoofing.ForgedCertificate(claimed.certificate_file.read_bytes(), b"", "").claims()
    )
    headers = dict(lines)

    def is_accepted() -> bool:
        answer = nobody.request("GET", headers={**headers, "Connection": "close"})
        return claimed.sha256 in answer.text

    right = "proxy_set_header X-Client-Cert $ssl_client_escaped_cert;"
    verify = "proxy_set_header X-Client-Verify $ssl_client_verify;"
    wrong = "proxy_set_header X-Client-Cert $http_x_client_cert;"
    with misconfigured(
        stack, f"{right}\n{verify}", f"{wrong}\n{verify.replace('$ssl', '$http_x')}"
    ):
        wait_until(is_accepted)
        status, found = doctor(stack)
    assert status == 1
    finding = found["forged certificates through nginx"]
    assert finding["level"] == "FAIL"
    assert "ACCEPTED, by X-Client-Cert" in finding["text"]
    assert "device_proxy.conf" in finding["remedy"]
    wait_until(lambda: not is_accepted())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_service_that_bypasses_nginx_is_found_and_probed(stack: Stack) -> None:
    port = free_ports(1)[0]
    environment = stack.environment | {
        "GUNICORN_BIND": f"127.0.0.1:{port}",
        "SERVICE": "device",
        "DEVICE_WORKERS": "1",
        "DJANGO_SETTINGS_MODULE": "device_endpoint.settings.device",
        "RUN_DIR": str(stack.var_dir.parent / "further"),  # separate metrics files
    }
    command = [sys.executable, "-m", "gunicorn", "--config", "device_endpoint/gunicorn_conf.py"]
    command += ["device_endpoint.device_wsgi:application"]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, env=environment, stderr=subprocess.DEVNULL)
    try:
        name = f"listener 127.0.0.1:{port}"
        wait_until(lambda: _listens(port))
        found = doctor(stack)[1]
        assert found[name]["level"] == "warn"
        assert "all rejected" in found[name]["text"] or "no HTTP" in found[name]["text"]
        assert "GUNICORN_BIND" in found[name]["remedy"]
    finally:
        process.terminate()
        process.wait(30)


def test_sockets_and_secrets_open_to_others_are_failures(stack: Stack) -> None:
    sock, secret = socket_of(stack, "device"), stack.var_dir / "secrets" / "secret_key"
    before = sock.stat().st_mode
    try:
        sock.chmod(0o777)
        secret.chmod(0o644)
        status, found = doctor(stack)
    finally:
        sock.chmod(before & 0o777)
        secret.chmod(0o600)
    assert status == 1
    assert (found["sockets"]["level"], found["secrets"]["level"]) == ("FAIL", "FAIL")
    assert "chmod 600" in found["secrets"]["remedy"]


def test_a_stopped_installation_is_reported_in_lines(stack: Stack, tmp_path: Path) -> None:
    ports = free_ports(2)
    away = {"VAR_DIR": str(tmp_path), "DEVICE_PORT": str(ports[0]), "STAFF_PORT": str(ports[1])}
    away["DATABASE_URL"] = "postgres://nobody@%2Fnowhere/nothing"
    run = run_program("manage.py", "doctor", environment=stack.environment | away)
    assert run.returncode == 1
    assert "FAIL  database: no answer" in run.stdout
    assert "FAIL  device API: port" in run.stdout
    assert run.stderr == ""


@pytest.mark.parametrize(
    ("response", "is_accepted"),
    [
        (Response(403, b'{"type":"urn:device-endpoint:certificate_missing"}'), False),
        (Response(404, b""), False),
        (Response(200, b"{}"), True),
        (Response(403, b'{"certificate":{"sha256":"abc"}}'), True),
    ],
)
def test_a_response_that_names_the_claimed_certificate_accepts(
    response: Response, is_accepted: bool
) -> None:
    assert header_spoofing.is_accepted(response, "abc") is is_accepted


@pytest.mark.parametrize(("days", "level"), [(90, "ok"), (20, "warn"), (1, "FAIL"), (-3, "FAIL")])
def test_the_level_of_a_server_certificate_near_its_end(days: int, level: str) -> None:
    assert endpoints.check_days_left(days).level == level


@pytest.mark.parametrize(("major", "level"), [(14, "FAIL"), (15, "ok"), (18, "ok")])
def test_the_minimum_version_of_postgresql(major: int, level: str) -> None:
    assert database.check_version(major).level == level


@pytest.mark.parametrize(("ahead", "level"), [(0.5, "ok"), (-9.0, "warn"), (90.0, "FAIL")])
def test_the_level_of_a_clock_difference(ahead: float, level: str) -> None:
    assert database.check_clock(ahead).level == level


def test_unused_keys_are_counted(db: None) -> None:
    identity = Identity.objects.create(name="bed-1")
    soon = timezone.now() + timedelta(days=60)
    for _ in range(2):
        issue_psk(identity, expires_at=soon)
    assert database.check_credentials()[0].level == "ok"
    PreSharedKey.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert database.check_credentials()[0].text.startswith("2 usable and unused")


def test_the_listener_table_is_parsed_for_ipv4_and_ipv6() -> None:
    four = "  sl  local\n   0: 0100007F:20FB 00000000:0000 0A 0:0 0:0 0 0 0 4711 1\n"
    six = (
        "  sl  local\n"
        "   0: 00000000000000000000000001000000:20FB 0:0 0A 0:0 0:0 0 0 0 4712 1\n"
        "   1: 00000000000000000000000001000000:20FC 0:0 01 0:0 0:0 0 0 0 4713 1\n"
    )
    assert listening_ports.parse_table(four) == {"4711": ("127.0.0.1", 8443)}
    assert listening_ports.parse_table(six) == {"4712": ("::1", 8443)}


def test_a_missing_file_has_no_forbidden_permission(tmp_path: Path) -> None:
    assert not filesystem.has_permission(tmp_path / "missing", 0o077)


def test_the_page_is_for_superusers(browser: Callable[[str], Client]) -> None:
    answer = browser("superuser").get("/admin/doctor/")
    assert answer.status_code == 200
    assert "forged certificates through nginx" in answer.content.decode()
    assert browser("operator").get("/admin/doctor/").status_code == 403
    assert browser("anonymous").get("/admin/doctor/").status_code == 302
