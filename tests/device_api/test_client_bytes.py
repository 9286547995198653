"""Clients that cannot be run here are played by the bytes that they send."""

from __future__ import annotations

import pytest

from identities.models import Identity
from tests.device_api.assertions import accepted, only_receipt
from tests.support.devices import Device
from tests.support.stored_data import stored_samples

LINES = b"1526292559214,95\r\n1526292559839,96\r\n"
SAMPLES = {1526292559214: 95.0, 1526292559839: 96.0}
# client: (Content-Type, the part's head, the end of the body)
CLIENTS = {
    ".NET MultipartFormDataContent": (
        'multipart/form-data; boundary="7b1c2f9e-3d4a-4b5c-8d6e-9f0a1b2c3d4e"',
        "--7b1c2f9e-3d4a-4b5c-8d6e-9f0a1b2c3d4e\r\nContent-Type: text/csv\r\n"
        "Content-Disposition: form-data; name=hr; filename=hr.csv; filename*=utf-8''hr.csv\r\n\r\n",
        "\r\n--7b1c2f9e-3d4a-4b5c-8d6e-9f0a1b2c3d4e--\r\n",
    ),
    "Dart http": (
        "multipart/form-data; boundary=dart-http-boundary-Zq8.x+Gm3PvO1-w_TqYk0sJ5cLdN7uHbRfEiA",
        "--dart-http-boundary-Zq8.x+Gm3PvO1-w_TqYk0sJ5cLdN7uHbRfEiA\r\n"
        'content-type: text/plain; charset=utf-8\r\ncontent-disposition: form-data; name="hr"; '
        'filename="hr.csv"\r\n\r\n',
        "\r\n--dart-http-boundary-Zq8.x+Gm3PvO1-w_TqYk0sJ5cLdN7uHbRfEiA--\r\n",
    ),
    "Ktor": (
        "multipart/form-data; boundary=1f5c6a0b-2e3d4c5b6a79-8f7e6d5c4b3a2918",
        "--1f5c6a0b-2e3d4c5b6a79-8f7e6d5c4b3a2918\r\n"
        'Content-Disposition: form-data; name=hr; filename="hr.csv"\r\nContent-Type: text/csv\r\n'
        "Content-Length: 36\r\n\r\n",
        "\r\n--1f5c6a0b-2e3d4c5b6a79-8f7e6d5c4b3a2918--\r\n",
    ),
    "Alamofire": (
        "multipart/form-data; boundary=alamofire.boundary.4d2f8c1b7a6e5d3c",
        "--alamofire.boundary.4d2f8c1b7a6e5d3c\r\n"
        'Content-Disposition: form-data; name="hr"; filename="hr.csv"\r\n'
        "Content-Type: text/csv\r\n\r\n",
        "\r\n--alamofire.boundary.4d2f8c1b7a6e5d3c--\r\n",
    ),
    "React Native": (
        "multipart/form-data; boundary=e3b0c442-98fc-1c14-9afb-f4c8996fb924",
        '--e3b0c442-98fc-1c14-9afb-f4c8996fb924\r\ncontent-disposition: form-data; name="hr"; '
        "filename=\"hr.csv\"; filename*=utf-8''hr.csv\r\ncontent-type: text/csv\r\n"
        "content-length: 36\r\n\r\n",
        "\r\n--e3b0c442-98fc-1c14-9afb-f4c8996fb924--\r\n",
    ),
    "browsers": (
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        '------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name="hr"; '
        'filename="hr.csv"\r\nContent-Type: application/octet-stream\r\n\r\n',
        "\r\n------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n",
    ),
    "PowerShell 7": (
        'multipart/form-data; boundary="e5f1a0c2-1111-4222-8333-944455566677"',
        "--e5f1a0c2-1111-4222-8333-944455566677\r\n"
        'Content-Disposition: form-data; name=hr; filename="hr.csv"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n",
        "\r\n--e5f1a0c2-1111-4222-8333-944455566677--\r\n",
    ),
    "modems by AT commands (SIMCom, Quectel)": (
        "multipart/form-data; boundary=--7d81b516112482",
        '----7d81b516112482\r\nContent-Disposition: form-data; name="hr"; '
        'filename="hr.csv"\r\nContent-Type: text/plain\r\n\r\n',
        "\r\n----7d81b516112482--\r\n\r\n",
    ),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_the_file_is_stored(client: str, bound: Device, identity: Identity) -> None:
    content_type, head, end = CLIENTS[client]
    body = head.encode() + LINES + end.encode()
    receipt = only_receipt(accepted(bound.post(data=body, headers={"Content-Type": content_type})))
    assert (receipt["name"], receipt["filename"], receipt["status"]) == ("hr", "hr.csv", "stored")
    assert stored_samples(identity, "hr") == SAMPLES
