"""One URL, with and without a slash at its end; three methods."""

from __future__ import annotations

import pytest

from tests.device_api.assertions import accepted, refused
from tests.device_api.conftest import MakeDevice
from tests.support.devices import Device

ALLOWED = "GET, HEAD, POST"
FILE = ("hr", "monday", b"1526292559214,95\n")


def test_the_slash_at_the_end_makes_no_difference(bound: Device) -> None:
    slashed = bound.url + "/"
    accepted(bound.request("GET", url=slashed))
    bound.url = slashed
    assert accepted(bound.upload(FILE))["files"][0]["status"] == "stored"
    refused(bound.register("dpsk_x"), 400, "registration_failed")


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND", "get"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_r25_other_methods_are_refused_with_allow(device: Device, method: str, slash: str) -> None:
    path = b"/device_endpoint" + slash.encode()
    sent = method.encode() + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = device.raw(sent)
    if method == "get":  # nginx knows methods in capitals only
        refused(answer, 400, "bad_request")
        return
    refused(answer, 405, "method_not_allowed")
    assert answer[1]["allow"] == ALLOWED


def test_h18_trace_stops_at_nginx_and_is_refused_alike(device: Device) -> None:
    answer = device.raw(b"TRACE /device_endpoint HTTP/1.1\r\nHost: localhost\r\n\r\n")
    refused(answer, 405, "method_not_allowed")
    assert answer[1]["allow"] == ALLOWED


def test_h18_connect_opens_no_tunnel(device: Device) -> None:
    answer = device.raw(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    # Older versions of nginx, Debian 12's too, take its kind of target for broken HTTP.
    if answer[0] == 400:
        refused(answer, 400, "bad_request")
        return
    refused(answer, 405, "method_not_allowed")
    assert answer[1]["allow"] == ALLOWED


def test_head_is_get_without_a_body(bound: Device, device: Device) -> None:
    head = bound.request("HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == "application/json"
    head = device.request("HEAD")
    assert (head.status_code, head.content) == (403, b"")
    assert head.headers["Content-Type"] == "application/problem+json"
    assert head.headers["Content-Length"] == device.whoami().headers["Content-Length"]
    assert accepted(bound.whoami())["already_bound"] is True


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/device_endpoint/x",
        "/device_endpoint//x",
        "/DEVICE_ENDPOINT",
        "/admin/",
        "/api/v1/series",
        "/metrics",
        "/readyz",
        "/problem/400",
        "/static/identities/credential_card.js",
        "/device_endpoint%00",
        "/device_endpoint.json",
    ],
)
def test_there_is_no_other_path(bound: Device, path: str) -> None:
    sent = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    status, headers, body = bound.raw(sent)
    if path == "/device_endpoint%00":
        refused((status, headers, body), 400, "bad_request")
    else:
        refused((status, headers, body), 404, "not_found")


def test_a_stranger_learns_no_more_of_other_paths(make_device: MakeDevice) -> None:
    sent = b"POST /admin/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    refused(make_device(anonymous=True).raw(sent), 404, "not_found")
