"""Quirks of real clients, which their users cannot change, cost no data and no error."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identities.models import Identity
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.support.devices import Device, multipart
from tests.support.stored_data import file_count, stored_samples

CASES = Path(__file__).parents[1] / "data" / "cases"
FORM = "multipart/form-data; boundary=B"
SAMPLES = {1526292559214: 95.0, 1526292559839: 96.0}
LINES = b"1526292559214,95\n1526292559839,96\n"


def case(number: str) -> bytes:
    [path] = CASES.glob(f"{number}_*")
    return path.read_bytes()


def send(device: Device, body: bytes, content_type: str = FORM, **headers: str) -> Any:
    return device.post(data=body, headers={"Content-Type": content_type, **headers})


FILENAMES = {
    "01": "f.csv",
    "04": "grün.csv",
    "07": "f.csv",
    "12": "f.csv",
    "13": "grün.csv",
    "16": "f.csv",
}
IGNORED = {"07": ["device_id"], "16": ["ibi"]}


@pytest.mark.parametrize("number", FILENAMES)
def test_the_file_is_stored(number: str, bound: Device, identity: Identity) -> None:
    body = accepted(send(bound, case(number)))
    assert only_receipt(body)["filename"] == FILENAMES[number]
    assert stored_samples(identity, "hr") == SAMPLES
    assert body.get("ignored") == IGNORED.get(number)
    assert set(body) == {"request_id", "files"} | ({"ignored"} if number in IGNORED else set())


@pytest.mark.parametrize("number", ["01", "07", "12", "16"])
def test_a_case_cut_before_its_end_stores_nothing(
    number: str, bound: Device, identity: Identity
) -> None:
    body = case(number)
    for cut in range(1, body.rindex(b"--B--") + 5):
        refused(send(bound, body[:cut]), 400, "invalid_multipart")
    assert file_count(identity) == 0


def test_json_with_a_byte_order_mark_is_read(device: Device, new_key: Callable[..., str]) -> None:
    refused(send(device, case("10"), "application/json"), 400, "registration_failed")
    body = case("10").replace(b"dpsk_000000000000000000000000000000000", new_key().encode())
    accepted(send(device, body, "application/json; charset=windows-1252"))


def test_json_in_another_encoding_is_told_to_be_utf_8(device: Device) -> None:
    for charset in ("utf-16", "utf-16-le", "latin-1"):
        sent = '{"PSK": "grün"}'.encode(charset)
        answer = send(device, sent, f"application/json; charset={charset}")
        assert "UTF-8" in refused(answer, 400, "invalid_json")["detail"]


def test_a_rejected_file_tells_the_ignored_parts_too(bound: Device) -> None:
    parts = [("device", None, b"<b>"), ("hr", "f", b"x"), ("a<b", None, b"")]
    body = refused(bound.upload(*parts), 422, "unreadable_file", "files", "ignored")
    assert only_receipt(body)["name"] == "hr"
    assert body["ignored"] == ["device", "a\\x3cb"]


def test_at_most_twenty_ignored_names_of_64_characters_are_told(bound: Device) -> None:
    fields = [("n" * 100 + str(number), None, b"") for number in range(30)]
    body = accepted(bound.upload(*fields, ("hr", "f", LINES)))
    assert body["ignored"] == ["n" * 63 + "…"] * 20


def test_only_ignored_parts_are_no_upload(bound: Device, identity: Identity) -> None:
    answer = bound.upload(("device", None, b"E4"), ("hr", "", b""))
    assert "no file" in refused(answer, 400, "invalid_multipart")["detail"]
    assert file_count(identity) == 0


def test_ignored_parts_count_as_files(bound: Device, identity: Identity) -> None:
    fields = [("x", None, b"")] * 99
    accepted(bound.upload(*fields, ("hr", "f", LINES)))
    refused(bound.upload(*fields, *[("hr", "g", LINES)] * 2), 413, "too_many_files")
    assert file_count(identity) == 1


@pytest.mark.parametrize("encoding", ["x-gzip", "X-GZIP", "gzip"])
def test_x_gzip_is_gzip(encoding: str, bound: Device) -> None:
    body = gzip.compress(multipart([("hr", "f", LINES)], "B"))
    accepted(send(bound, body, **{"Content-Encoding": encoding}))


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("path", [b"/", b"/device_endpoint/", b"/x", b"/device_endpoint?a=b"])
@pytest.mark.parametrize("method", [b"GET", b"POST", b"PUT"])
def test_every_path_is_answered_with_a_length(
    version: bytes, path: bytes, method: bytes, bound: Device
) -> None:
    host = b"" if version == b"1.0" else b"Host: localhost\r\n"
    _, headers, body = bound.raw(
        method + b" " + path + b" HTTP/" + version + b"\r\n" + host + b"\r\n"
    )
    assert int(headers["content-length"]) == len(body)
    assert "transfer-encoding" not in headers


def test_a_request_without_host_is_served(bound: Device, identity: Identity) -> None:
    answer = accepted(bound.raw(b"GET /device_endpoint HTTP/1.0\r\n\r\n"))
    assert answer["identity"] == identity.name
    # A host that is named has to be one that is served.
    refused(
        bound.raw(b"GET /device_endpoint HTTP/1.0\r\nHost: _\r\n\r\n"), 421, "misdirected_request"
    )


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.binary(max_size=60), filename=st.binary(max_size=40))
def test_no_bytes_in_a_part_header_are_a_fault(
    header: bytes, filename: bytes, bound: Device
) -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="hr"; filename="' + filename + b'"\r\n'
        b"X-" + header + b"\r\n\r\n" + LINES + b"\r\n--B--\r\n"
    )
    answer = send(bound, body)
    # A line break among the bytes may end the headers early.
    assert answer.status_code in (200, 400, 422)
    if answer.status_code == 400:
        refused(answer, 400, "invalid_multipart")
