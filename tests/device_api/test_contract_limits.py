"""More bytes, files or lines than allowed: 413, nothing stored."""

from __future__ import annotations

import gzip

from identities.models import Identity
from tests.device_api.assertions import accepted, refused
from tests.support.devices import Device, multipart
from tests.support.stored_data import file_count

MAX_BYTES = 64 * 1024 * 1024
FORM = "multipart/form-data; boundary=B"
LINE = b"946684800000,1\n"


def head(length: int, path: str = "/device_endpoint", method: str = "POST") -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def test_a_body_over_the_limit_is_refused_before_it_is_sent(bound: Device) -> None:
    refused(bound.raw(head(MAX_BYTES + 1)), 413, "request_too_large")


def test_a_stranger_is_refused_alike(device: Device) -> None:
    refused(device.raw(head(MAX_BYTES + 1)), 413, "request_too_large")


def test_a_chunked_body_over_the_limit_is_refused(bound: Device) -> None:
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    sent = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + chunk * 65
    refused(bound.raw(sent), 413, "request_too_large")


def test_a_body_may_be_as_large_as_the_limit(bound: Device, identity: Identity) -> None:
    frame = len(multipart([("hr", "f", b"")], "B"))
    content = b"x" * (MAX_BYTES - frame)
    answer = bound.post(
        data=gzip.compress(multipart([("hr", "f", content)], "B"), 1),
        headers={"Content-Type": FORM, "Content-Encoding": "gzip"},
    )
    refused(answer, 422, "unreadable_file", "files")
    answer = bound.post(
        data=gzip.compress(multipart([("hr", "f", content + b"x")], "B"), 1),
        headers={"Content-Type": FORM, "Content-Encoding": "gzip"},
    )
    refused(answer, 413, "request_too_large")
    assert file_count(identity) == 1


def test_a_hundred_files_are_accepted_and_one_more_is_refused(
    bound: Device, identity: Identity
) -> None:
    files = [(f"series-{number}", None, LINE) for number in range(101)]
    refused(bound.upload(*files), 413, "too_many_files")
    assert file_count(identity) == 0
    assert len(accepted(bound.upload(*files[:100]))["files"]) == 100


def test_d27_four_million_lines_are_accepted_and_no_more(bound: Device, identity: Identity) -> None:
    def send(lines: int) -> object:
        body = multipart([("hr", "f", LINE * lines), ("ibi", "f", LINE)], "B")
        packed = gzip.compress(body, 1)
        return bound.post(data=packed, headers={"Content-Type": FORM, "Content-Encoding": "gzip"})

    refused(send(4_000_001), 413, "too_many_lines")  # type: ignore[arg-type]
    assert file_count(identity) == 0
    first, _ = accepted(send(4_000_000))["files"]  # type: ignore[arg-type]
    assert (first["samples"], first["new"], first["repeated"]) == (4_000_000, 1, 3_999_999)


def test_a_registration_body_may_have_four_kilobytes(device: Device) -> None:
    body = b'{"PSK": "' + b"x" * 4085 + b'"}'
    kind = {"Content-Type": "application/json"}
    refused(device.post(data=body, headers=kind), 400, "registration_failed")
    refused(device.post(data=body + b" ", headers=kind), 413, "request_too_large")
