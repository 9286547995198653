"""nginx without the application: responses to devices, limits, access log, file modes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from device_endpoint import server_certificate
from tests.support.devices import Device
from tests.support.problem_details import assert_problem
from tests.support.stack import wait_until

REQUEST = b"GET /device_endpoint HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_a_stopped_application_is_a_retryable_503(start_nginx: Callable[[], Device]) -> None:
    answer = start_nginx().raw(REQUEST)
    assert_problem(answer, 503, "service_unavailable", retryable=True)
    assert answer[1]["retry-after"] in {"5", "10", "15", "20", "30"}


def test_too_many_requests_are_a_retryable_429(
    start_nginx: Callable[[], Device], settings: Settings
) -> None:
    settings.REQUESTS_PER_SECOND = 1
    device = start_nginx()
    answers = [device.raw(REQUEST) for _ in range(4)]
    assert_problem(answers[-1], 429, "too_many_requests", retryable=True)
    assert answers[-1][1]["retry-after"] == "1"


def test_too_many_connections_are_a_retryable_429(
    start_nginx: Callable[[], Device], settings: Settings
) -> None:
    settings.MAX_CONNECTIONS_PER_IP = 1
    device = start_nginx()
    with device.connect() as waiting:
        # A body that has not arrived yet keeps a request open.
        head = b"POST /device_endpoint HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        waiting.sendall(head + b"Content-Length: 9\r\n\r\n")
        assert waiting.recv(100).startswith(b"HTTP/1.1 100")
        answer = device.raw(REQUEST)
    assert_problem(answer, 429, "too_many_requests", retryable=True)


@pytest.mark.parametrize(("length", "status"), [(2048, 503), (2049, 413)])
def test_the_body_limit_is_exact(
    start_nginx: Callable[[], Device], settings: Settings, length: int, status: int
) -> None:
    settings.MAX_REQUEST_BYTES = 2048
    head = b"POST /device_endpoint HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Length: %d\r\n\r\n" % length
    assert start_nginx().raw(head + b"x" * length)[0] == status


def test_the_access_log_has_the_request_id_and_no_query(
    start_nginx: Callable[[], Device], tmp_path: Path
) -> None:
    device = start_nginx()
    _, headers, _ = device.raw(REQUEST.replace(b" HTTP", b"?token=dpsk_canary HTTP"))
    file = tmp_path / "log" / "access.log"
    wait_until(lambda: headers["x-request-id"] in file.read_text(), "the line in the log")
    large = b"POST /device_endpoint?token=dpsk_canary HTTP/1.1\r\nHost: localhost\r\n"
    device.raw(large + b"Content-Length: 999999999999\r\n\r\n")
    device.raw(large + b"Content-Length: 99999\r\n\r\n")
    for log in (tmp_path / "log").iterdir():
        assert "canary" not in log.read_text(), log


def test_the_access_log_tells_what_became_of_a_request(
    start_nginx: Callable[[], Device], settings: Settings, tmp_path: Path
) -> None:
    settings.REQUESTS_PER_SECOND = 1
    device = start_nginx()
    for _ in range(4):
        device.raw(REQUEST)
    file = tmp_path / "log" / "access.log"
    wait_until(lambda: len(file.read_text().splitlines()) >= 4, "the lines in the log")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {line["certificate"] for line in lines} == {"presented"}
    assert (lines[0]["status"], lines[0]["upstream_status"]) == (503, "502")
    assert (lines[-1]["status"], lines[-1]["requests_limit"]) == (429, "REJECTED")


def test_other_users_can_read_no_log(start_nginx: Callable[[], Device], tmp_path: Path) -> None:
    start_nginx()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "log").iterdir()}
    assert modes == {"access.log": 0o640, "nginx.log": 0o640}


def test_only_the_owner_can_read_the_configuration(
    start_nginx: Callable[[], Device], tmp_path: Path
) -> None:
    start_nginx()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "nginx").glob("*.conf")}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "nginx").stat().st_mode & 0o777 == 0o700
    assert server_certificate.key_path().stat().st_mode & 0o777 == 0o600
