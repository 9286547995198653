"""Bad certificate headers (C), sent past nginx: what no TLS client can bring about."""

from __future__ import annotations

import http.client
import json
import re
import socket
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization

from tests.device_api.assertions import refused
from tests.ingest.parsing.certificate_factory import (
    header_of,
    make_certificate,
    odd_certificate,
    pem_of,
)
from tests.support.devices import Device, RawAnswer
from tests.support.stack import Stack

UNFIT = "certificate_unacceptable"


def whoami_past_nginx(stack: Stack, header: str, secret: str | None = None) -> RawAnswer:
    """Send a request to the device API's own socket, with the header as nginx would set it."""
    configuration = (stack.var_dir / "nginx" / "nginx.conf").read_text()
    found = re.search(r'"unix:(.*/device\.sock)"', configuration)
    assert found
    known = (stack.var_dir / "secrets" / "proxy_secret").read_text().strip()
    lines = {
        "Host": "localhost",
        "X-Proxy-Secret": known if secret is None else secret,
        "X-Client-Verify": "FAILED:self-signed certificate",
        "X-Client-Cert": header,
        "X-Request-ID": "0" * 32,
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(found[1])
        connection.sendall(f"GET /device_endpoint HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        headers.setdefault("x-request-id", "0" * 32)
        return answer.status, headers, answer.read()


DER = make_certificate()
HEADER = header_of(DER)
MALFORMED = {
    "nothing": ("", "pem"),
    "not PEM": ("hello", "pem"),
    "base64 without frame": (quote(pem_of(DER).split("-----")[2]), "pem"),
    "two certificates": (HEADER + header_of(make_certificate()), "base64"),
    "joined by a comma": (f"{HEADER}, {HEADER}", "base64"),
    "a broken escape": (HEADER.replace("%0A", "%0", 1), "pem"),
    "an escape of no byte": (HEADER.replace("%0A", "%ZZ", 1), "pem"),
    "damaged base64": (HEADER[:90] + "!" + HEADER[91:], "base64"),
    "a key": (quote(pem_of(DER).replace("CERTIFICATE", "PRIVATE KEY")), "pem"),
    "beyond ASCII": ("\xe9" + HEADER, "pem"),
    "200 KB": (header_of(bytes(100_000)), "size"),
}


@pytest.mark.parametrize("case", MALFORMED.values(), ids=MALFORMED.keys())
def test_c19_a_malformed_header_is_refused(stack: Stack, case: tuple[str, str]) -> None:
    header, reason = case
    body = refused(whoami_past_nginx(stack, header), 403, UNFIT, "reason")
    assert body["reason"] == reason


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("version_1", "certificate_not_bound"),
        ("long_serial", "certificate_not_bound"),
        ("zero_serial", "certificate_not_bound"),
        ("md5_signature", "certificate_not_bound"),
        ("negative_serial", "certificate_not_bound"),
        ("explicit_parameters", UNFIT),
        ("dsa", UNFIT),
        ("rsa_pss", "certificate_not_bound"),
        ("sect283r1", UNFIT),
        ("malformed_extension", UNFIT),
    ],
)
def test_c9_c17_an_odd_certificate_has_a_clean_answer(stack: Stack, name: str, code: str) -> None:
    answer = whoami_past_nginx(stack, header_of(odd_certificate(name)))
    refused(answer, 403, code, "reason" if code == UNFIT else "certificate")


def test_c17_an_empty_subject_is_accepted(stack: Stack) -> None:
    answer = whoami_past_nginx(stack, header_of(make_certificate(name=None)))
    refused(answer, 403, "certificate_not_bound", "certificate")


@pytest.mark.parametrize("secret", ["", "wrong", "\xe9"])
def test_a_header_that_does_not_come_from_nginx_is_not_believed(
    stack: Stack, bound: Device, secret: str
) -> None:
    der = bound.certificate.public_bytes(serialization.Encoding.DER)
    refused(whoami_past_nginx(stack, header_of(der), secret), 403, "certificate_missing")
    assert json.loads(whoami_past_nginx(stack, header_of(der))[2])["already_bound"] is True
