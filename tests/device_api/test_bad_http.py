"""Requests that are no good HTTP or no good TLS (H), through real TLS.

Slow senders and renegotiation (H21, H22, H25) are in test_slow_clients.py.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from identities.models import Identity
from tests.device_api.assertions import accepted, refused
from tests.device_api.gunicorn_workers import device_workers
from tests.support.devices import Device, multipart
from tests.support.stack import Stack
from tests.support.stored_data import file_count

BODY = multipart([("hr", "f", b"1526292559214,95\n")], "B")
FORM = b"Content-Type: multipart/form-data; boundary=B\r\n"
HOST = b"Host: localhost\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
TOO_MUCH = b"Content-Length: %d\r\n" % (64 * 1024 * 1024 + 1)
POST = b"POST /device_endpoint HTTP/1.1\r\n"
GET = b"GET /device_endpoint HTTP/1.1\r\n" + HOST


@pytest.fixture(autouse=True, scope="module")
def the_same_workers_before_and_after(stack: Stack) -> Iterator[None]:
    before = device_workers(stack)
    yield
    assert device_workers(stack) == before


def post(*headers: bytes, body: bytes = BODY) -> bytes:
    return POST + b"".join(headers) + b"\r\n" + body


BAD = (400, "bad_request")
REFUSED = {
    "H1 length and chunks": (post(HOST, FORM, LENGTH, CHUNKED, body=CHUNKS), *BAD),
    "H2 two lengths": (post(HOST, FORM, LENGTH, b"Content-Length: 1\r\n"), *BAD),
    "H2 one length twice": (post(HOST, FORM, LENGTH, LENGTH), *BAD),
    "H3 length of 1e20": (post(HOST, FORM, b"Content-Length: 100000000000000000000\r\n"), *BAD),
    "H3 length -1": (post(HOST, FORM, b"Content-Length: -1\r\n"), *BAD),
    "H3 length +5": (post(HOST, FORM, b"Content-Length: +5\r\n"), *BAD),
    "H3 length in words": (post(HOST, FORM, b"Content-Length: five\r\n"), *BAD),
    "H4 bad chunk size": (post(HOST, FORM, CHUNKED, body=b"xyz\r\n" + BODY), *BAD),
    "H4 negative chunk size": (post(HOST, FORM, CHUNKED, body=b"-5\r\n" + BODY), *BAD),
    "H6 gzip and chunked": (
        post(HOST, FORM, b"Transfer-Encoding: gzip, chunked\r\n", body=CHUNKS),
        501,
        "not_implemented",
    ),
    "H8 length too short": (
        post(HOST, FORM, b"Content-Length: %d\r\n" % (len(BODY) - 5)),
        400,
        "invalid_multipart",
    ),
    "H9 length over the limit": (post(HOST, FORM, TOO_MUCH, body=b""), 413, "request_too_large"),
    "H10 expectation over the limit": (
        post(HOST, FORM, TOO_MUCH, b"Expect: 100-continue\r\n", body=b""),
        413,
        "request_too_large",
    ),
    "H12 no host": (post(FORM, LENGTH), *BAD),
    "H12 empty host": (post(b"Host:\r\n", FORM, LENGTH), *BAD),
    "H12 two hosts": (post(HOST, HOST, FORM, LENGTH), *BAD),
    "H12 host with a slash": (post(b"Host: a/b\r\n", FORM, LENGTH), *BAD),
    "H12 another host": (
        post(b"Host: example.org\r\n", FORM, LENGTH),
        421,
        "misdirected_request",
    ),
    "H13 folded Content-Type": (
        post(HOST, b"Content-Type: multipart/form-data;\r\n boundary=B\r\n", LENGTH),
        *BAD,
    ),
    "H14 NUL in a header": (post(HOST, FORM, LENGTH, b"X-A: a\0b\r\n"), *BAD),
    "H14 NUL in a header's name": (post(HOST, FORM, LENGTH, b"X\0A: a\r\n"), *BAD),
    "H14 blank in a header's name": (post(HOST, FORM, LENGTH, b"X A: a\r\n"), *BAD),
    "H15 header of 17 KB": (
        post(HOST, FORM, LENGTH, b"X-A: " + b"a" * 17_000 + b"\r\n"),
        431,
        "header_too_large",
    ),
    "H15 headers of 80 KB": (
        post(HOST, FORM, LENGTH, *[b"X-A: " + b"a" * 8000 + b"\r\n"] * 10),
        431,
        "header_too_large",
    ),
    "H17 target of 17 KB": (
        b"GET /device_endpoint?" + b"a" * 17_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        414,
        "uri_too_long",
    ),
    "H20 HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", *BAD),
    "H20 HTTP/3.9": (
        b"GET /device_endpoint HTTP/3.9\r\n" + HOST + b"\r\n",
        505,
        "http_version_not_supported",
    ),
    "two media types": (post(HOST, FORM, b"Content-Type: application/json\r\n", LENGTH), *BAD),
    "two media types and a large body": (
        post(
            HOST,
            FORM,
            b"Content-Type: application/json\r\nContent-Length: 5000000\r\n",
            body=b"x" * 5_000_000,
        ),
        *BAD,
    ),
    "raw bytes in the target": (
        post(HOST, FORM, LENGTH).replace(b"int ", b"int?\xff\xfe<script> "),
        *BAD,
    ),
    "two encodings": (
        post(HOST, FORM, b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", LENGTH),
        415,
        "unsupported_content_encoding",
    ),
    "a target with two slashes": (GET.replace(b"/dev", b"//dev") + b"\r\n", 404, "not_found"),
    "a target that goes up": (GET.replace(b"/dev", b"/a/../dev") + b"\r\n", 404, "not_found"),
    "a target that leaves": (GET.replace(b"/dev", b"/../dev") + b"\r\n", *BAD),
    "a target that is no UTF-8": (GET.replace(b"int ", b"int%ff ") + b"\r\n", 404, "not_found"),
    "a target with a parameter": (GET.replace(b"int ", b"int;a=b ") + b"\r\n", 404, "not_found"),
    "a broken escape": (GET.replace(b"int ", b"int%zz ") + b"\r\n", *BAD),
    "raw bytes in the query": (
        GET.replace(b"int ", b"int/x?\xff\xfe<script> ") + b"\r\n",
        404,
        "not_found",
    ),
    "no request line": (b"nonsense\r\n\r\n", *BAD),
    "TLS within TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", *BAD),
    "a method of 10 KB": (b"A" * 10_000 + b" / HTTP/1.1\r\n\r\n", *BAD),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_refused(case: tuple[bytes, int, str], bound: Device, identity: Identity) -> None:
    sent, status, code = case
    refused(bound.raw(sent), status, code)
    assert file_count(identity) == 0


ACCEPTED = {
    "H5 chunks": post(HOST, FORM, CHUNKED, body=CHUNKS),
    "H5 chunks with an extension": post(
        HOST, FORM, CHUNKED, body=CHUNKS.replace(b"\r", b";a=b\r", 1)
    ),
    "H11 unknown expectation": post(HOST, FORM, LENGTH, b"Expect: wonders\r\n"),
    "H15 header of 9 KB": post(HOST, FORM, LENGTH, b"X-A: " + b"a" * 9_000 + b"\r\n"),
    "H16 120 headers": post(
        HOST, FORM, LENGTH, *[b"X-%d: a\r\n" % number for number in range(120)]
    ),
    "H17 target of 9 KB": post(HOST, FORM, LENGTH).replace(
        b"/device_endpoint", b"/device_endpoint?" + b"a" * 9000
    ),
    "an escaped target": post(HOST, FORM, LENGTH).replace(b"_endpoint", b"%5fendpoint"),
    "claims about the scheme": post(
        HOST, FORM, LENGTH, b"X-Forwarded-Ssl: off\r\nX-Forwarded-Protocol: http\r\n"
    ),
    "HTTP/1.0": post(HOST, FORM, LENGTH).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/1.0 without a host": post(FORM, LENGTH).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "host with the port": post(b"Host: localhost:8443\r\n", FORM, LENGTH),
    "host in capitals": post(b"HOST: LOCALHOST\r\n", FORM, LENGTH),
    "a target with a host": post(HOST, FORM, LENGTH).replace(
        b"/device_endpoint", b"https://localhost/device_endpoint"
    ),
}


@pytest.mark.parametrize("sent", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(sent: bytes, bound: Device, identity: Identity) -> None:
    assert accepted(bound.raw(sent))["files"][0]["status"] == "stored"
    assert file_count(identity, status="stored") == 1


@pytest.mark.parametrize(
    "sent",
    [
        post(HOST, FORM, b"Content-Length: %d\r\n" % (len(BODY) + 5)),
        post(HOST, FORM, LENGTH, body=BODY[:-10]),
        post(HOST, FORM, CHUNKED, body=CHUNKS[:-10]),
        POST + HOST,
    ],
    ids=["H3 length too long", "H7 body too short", "H7 chunks cut", "head cut"],
)
def test_a_request_that_ends_early_stores_nothing(
    sent: bytes, bound: Device, identity: Identity
) -> None:
    try:
        answer = bound.raw(sent, finish=True)
    except (http.client.BadStatusLine, OSError):
        pass
    else:
        refused(answer, *BAD)
    assert file_count(identity) == 0
    accepted(bound.whoami())


def test_h10_100_continue_comes_before_the_body(bound: Device) -> None:
    head = post(HOST, FORM, LENGTH, b"Expect: 100-continue\r\n", body=b"")
    with bound.connect() as connection:
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["files"][0]["new"]) == (200, 1)


def test_h19_plain_http_is_answered_in_json(stack: Stack) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stack.device_port, timeout=30)
    connection.request("GET", "/device_endpoint")
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    refused((answer.status, headers, answer.read()), *BAD)
    connection.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_h23_old_tls_is_refused(device: Device, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_verify_locations(device.ca_file)
    context.minimum_version = context.maximum_version = version
    address = ("127.0.0.1", urlsplit(device.url).port)
    with socket.create_connection(address, timeout=30) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_h24_no_session_is_resumed_and_no_early_data_accepted(
    bound: Device, version: ssl.TLSVersion
) -> None:
    context = ssl.create_default_context(cafile=str(bound.ca_file))
    context.load_cert_chain(bound.certificate_file, bound.key_file)
    context.minimum_version = context.maximum_version = version
    address = ("127.0.0.1", urlsplit(bound.url).port)
    session = None
    for _ in range(2):
        with (
            socket.create_connection(address, timeout=30) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
        ):
            connection.sendall(GET + b"Connection: close\r\n\r\n")
            while connection.recv(10_000):
                pass
            assert not connection.session_reused
            session = connection.session


def test_h26_pipelined_requests_are_answered_in_order(bound: Device, identity: Identity) -> None:
    files = [f"15262925592{number:02d},{number}\n".encode() for number in range(20)]
    bodies = [multipart([(f"s{number}", "f", file)], "B") for number, file in enumerate(files)]
    sent = [post(HOST, FORM, b"Content-Length: %d\r\n" % len(body), body=body) for body in bodies]
    with bound.connect() as connection:
        connection.sendall(b"".join(sent) + GET + b"Connection: close\r\n\r\n")
        received = b""
        while chunk := connection.recv(100_000):
            received += chunk
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 21
    places = [received.index(f'"name":"s{number}"'.encode()) for number in range(20)]
    assert places == sorted(places)
    assert file_count(identity, status="stored") == 20
