"""nginx's own error responses: JSON with the right status for every invalid request."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.devices import Device
from tests.support.problem_details import assert_problem
from tests.support.stack import Stack

HOST = b"Host: localhost\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n", 404, "not_found"),
        (b"GET /device_endpoint/x HTTP/1.1\r\n" + HOST + b"\r\n", 404, "not_found"),
        (b"GET /problem/503 HTTP/1.1\r\n" + HOST + b"\r\n", 404, "not_found"),
        (b"rubbish\r\n\r\n", 400, "bad_request"),
        (b"GET /device_endpoint HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"GET /device_endpoint HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, "bad_request"),
        (b"GET /device_endpoint HTTP/1.1\r\n" + HOST + b"X Y: 1\r\n\r\n", 400, "bad_request"),
        (
            b"POST /device_endpoint HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n",
            400,
            "bad_request",
        ),
        (
            b"POST /device_endpoint HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "bad_request",
        ),
        (
            b"POST /device_endpoint HTTP/1.1\r\n"
            + HOST
            + b"Content-Type: multipart/form-data;\r\n boundary=x\r\n\r\n",
            400,
            "bad_request",
        ),
        (
            b"POST /device_endpoint HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999\r\n\r\n",
            413,
            "request_too_large",
        ),
        # As long as a header buffer: nginx leaves a longer one unread and resets the connection.
        (b"GET /device_endpoint?".ljust(16_384, b"x"), 414, "uri_too_long"),
        (
            b"GET /device_endpoint HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 40_000 + b"\r\n\r\n",
            431,
            "header_too_large",
        ),
        (
            b"POST /device_endpoint HTTP/1.1\r\n"
            + HOST
            + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
            501,
            "not_implemented",
        ),
        (
            b"GET /device_endpoint HTTP/3.9\r\n" + HOST + b"\r\n",
            505,
            "http_version_not_supported",
        ),
        (
            b"GET /device_endpoint HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
            421,
            "misdirected_request",
        ),
    ],
)
def test_a_refusal_is_json_with_its_own_status(
    device: Device, sent: bytes, status: int, code: str
) -> None:
    assert_problem(device.raw(sent), status, code, retryable=False)


STAFF_REFUSALS = {
    b"rubbish\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET /admin/?q=\xff\xfe\x01 HTTP/1.1\r\n" + HOST + b"\r\n": 400,
    b"GET /admin/ HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n": 400,
    b"POST /admin/ HTTP/1.1\r\n" + HOST + b"Content-Type: a/b\r\n" * 2 + b"\r\n": 400,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 400,
    b"GET /problem/503 HTTP/1.1\r\n" + HOST + b"\r\n": 404,
    b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n": 405,
    b"POST /admin/ HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999\r\n\r\n": 413,
    b"GET /?".ljust(16_384, b"x"): 414,
    b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n": 421,
    b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 40_000 + b"\r\n\r\n": 431,
    b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n": 501,
    b"GET / HTTP/2.0\r\n" + HOST + b"\r\n": 505,
    b"GET / HTTP/3.9\r\n" + HOST + b"\r\n": 505,
}


@pytest.mark.parametrize(("sent", "status"), STAFF_REFUSALS.items())
def test_a_refusal_of_the_staff_site_is_one_line_of_text(
    stack: Stack, tmp_path: Path, sent: bytes, status: int
) -> None:
    """No page is nginx's or gunicorn's own, and none repeats the request."""
    answer = Device(f"{stack.staff_url}/", stack.ca_file, tmp_path, anonymous=True).raw(sent)
    assert (answer[0], answer[1]["content-type"]) == (status, "text/plain")
    assert re.fullmatch(rb"[A-Z][a-zA-Z0-9 ,:/._-]+\.\n", answer[2])
    assert re.fullmatch("[0-9a-f]{32}", answer[1]["x-request-id"])


def test_plain_http_on_the_port_of_the_staff_site(stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", stack.staff_port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\nThis port speaks HTTPS only.\n")


def test_a_method_refused_by_nginx_names_the_allowed_ones(device: Device) -> None:
    answer = device.raw(b"TRACE /device_endpoint HTTP/1.1\r\n" + HOST + b"\r\n")
    assert_problem(answer, 405, "method_not_allowed", retryable=False)
    assert answer[1]["allow"] == "GET, HEAD, POST"


def test_connect_is_refused_in_json(device: Device) -> None:
    answer = device.raw(b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n")
    # nginx 1.22 finds the request line wrong, later ones know the method.
    codes = {400: "bad_request", 405: "method_not_allowed"}
    assert_problem(answer, answer[0], codes[answer[0]], retryable=False)


def test_plain_http_on_the_tls_port_is_refused_in_json(stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", stack.device_port), timeout=10) as connection:
        connection.sendall(b"GET /device_endpoint HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["type"] == "urn:device-endpoint:bad_request"


def test_the_port_of_the_staff_site_names_the_right_one(stack: Stack) -> None:
    status, headers, text = stack.get_staff("/device_endpoint")
    body = json.loads(text)
    assert (status, body["status"]) == (421, 421)
    assert headers["Content-Type"] == "application/problem+json"
    assert f"port {stack.device_port}." in body["detail"]


@pytest.mark.parametrize("path", [b"/device_endpoint", b"/device_endpoint/"])
def test_the_application_explains_a_rejected_certificate(
    make_device: Callable[..., Device], path: bytes
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = make_device(not_before=yesterday - timedelta(days=9), not_after=yesterday)
    answer = expired.raw(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert_problem(answer, 403, "certificate_expired", retryable=True)


def test_a_rejected_certificate_gives_access_to_no_other_path(
    make_device: Callable[..., Device],
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    early = make_device(not_before=tomorrow)
    answer = early.raw(b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n")
    assert_problem(answer, 404, "not_found", retryable=False)
    answer = early.raw(b"GET /device_endpoint HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
    assert_problem(answer, 421, "misdirected_request", retryable=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "localhost:1"])
@pytest.mark.parametrize("server_name", [None, "localhost", "unknown.example"])
def test_served_hosts_need_no_particular_server_name(
    make_device: Callable[..., Device], host: str, server_name: str | None
) -> None:
    device = make_device()
    sent = f"GET /device_endpoint HTTP/1.1\r\nHost: {host}\r\n\r\n"
    answer = device.raw(sent.encode(), server_name=server_name)
    assert_problem(answer, 403, "certificate_not_bound", retryable=True)


@pytest.mark.parametrize(
    "header",
    [
        "X-Client-Cert",
        "X-Client-Verify",
        "x_client_cert",
        "X-SSL-Client-Cert",
        "Client-Cert",
        "X-Forwarded-Client-Cert",
    ],
)
def test_a_certificate_in_a_client_header_is_rejected(
    make_device: Callable[..., Device], device: Device, header: str
) -> None:
    forged = device.certificate_file.read_text().replace("\n", "%0A")
    anonymous = make_device(anonymous=True)
    lines = f"{header}: {forged}\r\nX-Client-Verify: SUCCESS\r\nConnection: {header}\r\n"
    answer = anonymous.raw(b"GET /device_endpoint HTTP/1.1\r\n" + HOST + lines.encode() + b"\r\n")
    assert_problem(answer, 403, "certificate_missing", retryable=True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_resumed(device: Device, version: ssl.TLSVersion) -> None:
    context = device.tls()
    context.maximum_version = version
    request = b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n"
    with device.connect(context=context) as first:
        first.sendall(request)
        first.recv(1000)
        session = first.session
    with device.connect(context=context, session=session) as second:
        assert not second.session_reused


def test_an_old_tls_version_is_refused(device: Device) -> None:
    context = device.tls()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        device.connect(context=context)


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/livez", "/api/v1/", "/nothing/"])
def test_the_staff_site_sends_no_header_twice(stack: Stack, path: str) -> None:
    context = ssl.create_default_context(cafile=str(stack.ca_file))
    connection = http.client.HTTPSConnection("localhost", stack.staff_port, context=context)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    names = [name.lower() for name, _ in answer.getheaders() if name.lower() != "set-cookie"]
    assert sorted(set(names)) == sorted(names)


def test_the_staff_site_needs_no_certificate_and_hides_versions(stack: Stack) -> None:
    status, headers, _ = stack.get_staff("/admin/login/")
    assert status == 200
    assert headers["Server"] == "nginx"
    assert headers["Strict-Transport-Security"] == "max-age=300"
