"""Content-Encoding: gzip on uploads; limits count after inflating."""

from __future__ import annotations

import gzip
import zlib

import pytest
import requests

from identities.models import Identity
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.support.devices import Device, multipart
from tests.support.stored_data import file_count, original

LINES = b"".join(b"%d,%d\n" % (1526292559000 + 1000 * i, i % 90) for i in range(5000))
FORM = "multipart/form-data; boundary=B"
BODY = multipart([("hr", "f", LINES)], "B")


def send(device: Device, body: bytes, encoding: str = "gzip") -> requests.Response:
    return device.post(data=body, headers={"Content-Type": FORM, "Content-Encoding": encoding})


def test_a_compressed_upload_is_stored_as_if_it_were_plain(bound: Device) -> None:
    receipt = only_receipt(accepted(send(bound, gzip.compress(BODY))))
    assert (receipt["status"], receipt["new"]) == ("stored", 5000)
    assert original(receipt) == LINES
    again = only_receipt(accepted(bound.upload(("hr", "f", LINES))))
    assert again == {**receipt, "status": "duplicate"}


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "identity", ""])
def test_the_name_of_the_encoding_is_read_without_case(bound: Device, encoding: str) -> None:
    body = gzip.compress(BODY) if encoding.lower() == "gzip" else BODY
    assert only_receipt(accepted(send(bound, body, encoding)))["new"] == 5000


def test_several_gzip_members_are_one_body(bound: Device) -> None:
    body = gzip.compress(BODY[:1000]) + gzip.compress(BODY[1000:])
    assert only_receipt(accepted(send(bound, body)))["new"] == 5000


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "gzip, gzip", "nonsense"])
def test_other_encodings_are_refused(bound: Device, encoding: str) -> None:
    refused(send(bound, BODY, encoding), 415, "unsupported_content_encoding")


def test_a_compressed_registration_is_refused(device: Device) -> None:
    answer = device.post(
        data=gzip.compress(b'{"PSK": "a"}'),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    refused(answer, 415, "unsupported_content_encoding")


PACKED = gzip.compress(BODY)
DAMAGED = {
    "not gzip": BODY,
    "zlib without gzip": zlib.compress(BODY),
    "nothing": b"",
    "an empty member": gzip.compress(b""),
    "the check sum changed": PACKED[:-8] + b"\0" * 4 + PACKED[-4:],
    "the length changed": PACKED[:-4] + b"\0" * 4,
    "zeros behind it": PACKED + b"\0" * 8,
    "something behind it": PACKED + b"x",
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_gzip_is_refused_whole(bound: Device, identity: Identity, body: bytes) -> None:
    refused(send(bound, body), 400, "invalid_multipart")
    assert file_count(identity) == 0


def test_gzip_cut_anywhere_is_refused_whole(bound: Device, identity: Identity) -> None:
    packed = gzip.compress(multipart([("hr", "f", b"1526292559000,1\n")], "B"))
    for cut in range(len(packed)):
        refused(send(bound, packed[:cut]), 400, "invalid_multipart")
    assert file_count(identity) == 0


@pytest.mark.parametrize("layers", [1, 3])
def test_a_bomb_is_refused_when_it_passes_the_limit(bound: Device, layers: int) -> None:
    one = gzip.compress(b"1526292559000,1\n" * 70_000, 9)
    body = one * (1000 * layers)  # a GiB and more, inflated
    refused(send(bound, body), 413, "request_too_large")
