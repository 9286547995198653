"""A certificate that a client claims in a header is rejected, with and without nginx."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from pathlib import Path

import pytest

from device_endpoint.env import MAX_SOCKET_FOLDER_BYTES
from tests.security.forged_headers import forgeries
from tests.support.devices import Device
from tests.support.stack import Stack

HOST = b"Host: localhost\r\n"
PATHS = (b"/device_endpoint", b"/device_endpoint/")


@pytest.fixture(scope="module")
def victim(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """Give a registered device, whose certificate others claim."""
    folder = tmp_path_factory.mktemp("victim")
    device = Device(stack.device_url, stack.ca_file, folder, subject="victim")
    assert device.register(stack.issue_psk("claimed-by-others")).status_code == 200
    yield device
    device.close()


def get(device: Device, path: bytes, lines: bytes) -> tuple[int, dict[str, object]]:
    status, _, body = device.raw(b"GET " + path + b" HTTP/1.1\r\n" + HOST + lines + b"\r\n")
    return status, json.loads(body)


@pytest.mark.parametrize("path", PATHS)
def test_without_a_certificate_no_claim_is_accepted(
    victim: Device, make_device: Callable[..., Device], path: bytes
) -> None:
    nobody = make_device(anonymous=True)
    for name, lines in forgeries(victim):
        status, body = get(nobody, path, lines)
        assert status in (400, 403), name
        assert body["type"] in (
            "urn:device-endpoint:certificate_missing",
            "urn:device-endpoint:bad_request",
        ), name


@pytest.mark.parametrize("path", PATHS)
def test_with_a_certificate_only_the_own_one_is_accepted(
    victim: Device, make_device: Callable[..., Device], path: bytes
) -> None:
    thief = make_device(subject="thief")
    for name, lines in forgeries(victim):
        status, body = get(thief, path, lines)
        if status == 400:
            assert body["type"] == "urn:device-endpoint:bad_request", name
        else:
            assert status == 403, name
            assert body["certificate"] == {"sha256": thief.sha256}, name


@pytest.mark.parametrize("path", PATHS)
def test_a_rejected_certificate_is_reported_despite_claims(
    victim: Device, make_device: Callable[..., Device], path: bytes
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = make_device(not_before=yesterday - timedelta(days=9), not_after=yesterday)
    for name, lines in forgeries(victim):
        status, body = get(expired, path, lines)
        assert (status, body["type"]) in (
            (403, "urn:device-endpoint:certificate_expired"),
            (400, "urn:device-endpoint:bad_request"),
        ), name


def test_the_owners_requests_keep_its_identity(victim: Device) -> None:
    for name, lines in forgeries(victim)[-4:]:
        status, body = get(victim, PATHS[0], lines)
        assert (status, body.get("identity")) == (200, "claimed-by-others"), name


def test_the_staff_site_passes_on_no_claim(victim: Device, stack: Stack) -> None:
    context = ssl.create_default_context(cafile=str(stack.ca_file))
    for name, lines in forgeries(victim):
        for path, wanted in ((b"/device_endpoint", 421), (b"/api/v1/series", 401)):
            plain = socket.create_connection(("127.0.0.1", stack.staff_port), timeout=30)
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.sendall(b"GET " + path + b" HTTP/1.1\r\n" + HOST + lines + b"\r\n")
                answer = HTTPResponse(connection)
                answer.begin()
                answer.read()
            assert answer.status in (wanted, 400), (name, path)


def socket_of(stack: Stack, service: str) -> Path:
    path = stack.var_dir / "run" / "run"
    assert len(str(path)) <= MAX_SOCKET_FOLDER_BYTES, "the tests' folder is too deep for a socket"
    return path / f"{service}.sock"


def request_directly(stack: Stack, service: str, path: bytes, lines: bytes) -> tuple[int, bytes]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(socket_of(stack, service)))
        head = b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
        connection.sendall(head + b"X-Forwarded-Proto: https\r\n" + lines + b"\r\n")
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


@pytest.mark.parametrize("secret", [b"", b"X-Proxy-Secret: \r\n", b"X-Proxy-Secret: guessed\r\n"])
def test_bypassing_nginx_no_claim_is_accepted_without_the_secret(
    victim: Device, stack: Stack, secret: bytes
) -> None:
    for name, lines in forgeries(victim):
        if b"X-Proxy-Secret" in lines:
            continue
        status, body = request_directly(stack, "device", b"/device_endpoint", secret + lines)
        assert status in (400, 403, 431), name
        assert victim.sha256.encode() not in body
        assert status != 403 or b"certificate_missing" in body, name


def test_bypassing_nginx_a_claim_is_accepted_with_the_secret(victim: Device, stack: Stack) -> None:
    secret = (stack.var_dir / "secrets" / "proxy_secret").read_bytes().strip()
    lines = next(lines for name, lines in forgeries(victim) if name == "X-Client-Cert")
    lines = lines.replace(b"x_client_verify: SUCCESS\r\n", b"")
    status, body = request_directly(
        stack, "device", b"/device_endpoint", lines + b"X-Proxy-Secret: " + secret + b"\r\n"
    )
    assert (status, json.loads(body)["identity"]) == (200, "claimed-by-others")


@pytest.mark.parametrize("path", [b"/admin/login/", b"/livez", b"/api/v1/series"])
@pytest.mark.parametrize("secret", [b"", b"X-Proxy-Secret: guessed\r\n"])
def test_bypassing_nginx_the_staff_site_refuses_every_request(
    stack: Stack, path: bytes, secret: bytes
) -> None:
    assert request_directly(stack, "staff", path, secret) == (
        403,
        b"The staff site is reached through nginx only.\n",
    )


def test_only_user_and_group_can_open_the_sockets(
    stack: Stack,
) -> None:
    for service in ("device", "staff"):
        path = socket_of(stack, service)
        assert path.stat().st_mode & 0o667 == 0o660  # to connect is to write; x says nothing
        assert oct(path.parent.stat().st_mode & 0o777) == "0o750"
        assert not path.parent.parent.stat().st_mode & 0o022
