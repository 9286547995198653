"""Of several reasons to refuse a request, the answer names the first in this order:

method, media type or encoding, certificate, size of the body, body.
"""

from __future__ import annotations

import gzip

import pytest

from tests.device_api.assertions import refused
from tests.device_api.conftest import MakeDevice
from tests.support.devices import Device

FORM = {"Content-Type": "multipart/form-data; boundary=B"}
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
GZIP = {"Content-Encoding": "gzip"}
BOMB = gzip.compress(b"x" * 65 * 1024 * 1024, 1)
LONG_JSON = b'{"PSK": "' + b"x" * 5000


@pytest.fixture
def anonymous(make_device: MakeDevice) -> Device:
    return make_device(anonymous=True)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (TEXT, "unsupported_media_type"),
        ({}, "unsupported_media_type"),
        ({"Content-Type": "multipart/mixed; boundary=B"}, "unsupported_media_type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported_media_type"),
        ({**FORM, "Content-Encoding": "br"}, "unsupported_content_encoding"),
        ({**JSON, **GZIP}, "unsupported_content_encoding"),
        ({**TEXT, "Content-Encoding": "br"}, "unsupported_media_type"),
    ],
)
def test_the_media_type_comes_before_the_certificate(
    anonymous: Device, headers: dict[str, str], code: str
) -> None:
    refused(anonymous.post(data=b"x", headers=headers), 415, code)


def test_the_certificate_comes_before_the_size(anonymous: Device, device: Device) -> None:
    refused(anonymous.post(data=LONG_JSON, headers=JSON), 400, "certificate_missing")
    refused(anonymous.post(data=BOMB, headers={**FORM, **GZIP}), 403, "certificate_missing")
    refused(
        device.post(data=BOMB, headers={**FORM, **GZIP}),
        403,
        "certificate_not_bound",
        "certificate",
    )


def test_the_certificate_comes_before_the_body(anonymous: Device, device: Device) -> None:
    refused(anonymous.post(data=b"{", headers=JSON), 400, "certificate_missing")
    no_boundary = {"Content-Type": "multipart/form-data"}
    for headers in (FORM, no_boundary, {"Content-Type": 'multipart/form-data; boundary="'}):
        answer = device.post(data=b"nonsense", headers=headers)
        refused(answer, 403, "certificate_not_bound", "certificate")


def test_the_size_comes_before_the_body(bound: Device) -> None:
    refused(bound.post(data=BOMB, headers={**FORM, **GZIP}), 413, "request_too_large")
    refused(bound.post(data=LONG_JSON, headers=JSON), 413, "request_too_large")
