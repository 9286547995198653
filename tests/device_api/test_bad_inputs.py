"""Every bad input of the threat model's list, by its name there, against the running product.

Whatever comes: JSON, no 500, a short body that echoes nothing unescaped, no sample of a refused
file, and workers that live on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from requests.structures import CaseInsensitiveDict

from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.device_api.gunicorn_workers import device_workers
from tests.device_api.malformed_bodies import (
    CONTENTS,
    REGISTRATIONS,
    UPLOADS,
    Content,
    Registration,
    Upload,
    as_part,
)
from tests.support.devices import Device
from tests.support.stack import Stack
from tests.support.stored_data import (
    file_count,
    original,
    sample_count,
    stored_samples,
)

CUT = (400, "invalid_multipart")


@pytest.fixture(autouse=True, scope="module")
def the_same_workers_before_and_after(stack: Stack) -> Iterator[None]:
    before = device_workers(stack)
    assert before
    yield
    assert device_workers(stack) == before


@pytest.mark.parametrize("case", REGISTRATIONS, ids=lambda case: case.name)
def test_registration(
    case: Registration, device: Device, new_key: Callable[..., str], identity: Identity
) -> None:
    device.session.headers = CaseInsensitiveDict()
    body = case.body.replace(b"%s", new_key().encode())
    answer = device.post(
        data=body, headers={name: value for name, value in case.headers.items() if value}
    )
    bound = DeviceCertificate.objects.filter(sha256=bytes.fromhex(device.sha256))
    if case.status == 200:
        assert accepted(answer)["already_bound"] is False
    else:
        refused(answer, case.status, case.code)
    assert bound.exists() == (case.status == 200)
    assert identity.keys.get().uses == (case.status == 200)


def test_r26_a_mistyped_key_is_refused_like_an_unknown_one(
    device: Device, new_key: Callable[..., str], identity: Identity
) -> None:
    psk = new_key()
    mistyped = psk[:-1] + ("a" if psk[-1] != "a" else "b")
    refused(device.register(mistyped), 400, "registration_failed")
    assert identity.keys.get().uses == 0


@pytest.mark.parametrize("case", UPLOADS, ids=lambda case: case.name)
def test_framing(case: Upload, bound: Device, identity: Identity) -> None:
    answer = bound.post(data=case.body, headers={"Content-Type": case.kind})
    if case.status == 200:
        body = accepted(answer)
        assert [receipt["status"] for receipt in body["files"]] == ["stored"] * case.stored
    elif case.status == 422:
        receipt = only_receipt(refused(answer, 422, case.code, "files"))
        assert original(receipt) in case.body
    else:
        refused(answer, case.status, case.code)
        assert file_count(identity) == 0
    assert file_count(identity, status="stored") == case.stored
    assert (sample_count(identity) > 0) == (case.stored > 0)


def test_m31_a_boundary_inside_a_line_is_stored_byte_for_byte(bound: Device) -> None:
    content = b"1526292559214,95--B--\r\n--A\r\n"
    receipt = only_receipt(
        refused(bound.upload(("hr", "f", content)), 422, "unreadable_file", "files")
    )
    assert original(receipt) == content


def test_m5_a_body_cut_at_any_byte_stores_nothing(bound: Device, identity: Identity) -> None:
    body = next(case.body for case in UPLOADS if case.name == "M1 as in the RFC")
    for cut in range(len(body) - 2):
        answer = bound.post(
            data=body[:cut], headers={"Content-Type": "multipart/form-data; boundary=B"}
        )
        refused(answer, *CUT)
    assert file_count(identity) == 0


@pytest.mark.parametrize("case", CONTENTS, ids=lambda case: case.name)
def test_lines(case: Content, bound: Device, identity: Identity) -> None:
    answer = bound.upload(as_part(case))
    if case.samples is not None:
        receipt = only_receipt(accepted(answer))
        counts = ("new", "identical", "replaced", "repeated")
        assert receipt["samples"] == sum(receipt[name] for name in counts)
        assert receipt["new"] == len(case.samples)
        assert stored_samples(identity, "hr") == case.samples
        return
    receipt = only_receipt(refused(answer, 422, "unreadable_file", "files"))
    assert receipt["errors"][0]["line"] == case.line
    assert all(len(error["got"]) <= 40 for error in receipt["errors"])
    assert case.hint in receipt["errors"][0]["hint"]
    assert original(receipt) == case.content
    assert sample_count(identity) == 0


def test_d24_another_value_for_a_stored_time_replaces_it(bound: Device, identity: Identity) -> None:
    bound.upload(("hr", "f", b"1526292559214,95\n"))
    receipt = only_receipt(accepted(bound.upload(("hr", "f", b"1526292559214,96\n"))))
    assert (receipt["new"], receipt["identical"], receipt["replaced"]) == (0, 0, 1)
    assert stored_samples(identity, "hr") == {1526292559214: 96.0}


@pytest.mark.parametrize("filename", ["f", "g"], ids=["D29 the same file", "D30 another name"])
def test_the_same_lines_again(bound: Device, identity: Identity, filename: str) -> None:
    bound.upload(("hr", "f", b"1526292559214,95\n"))
    again = only_receipt(accepted(bound.upload(("hr", filename, b"1526292559214,95\n"))))
    assert again["status"] == "duplicate"
    assert sample_count(identity) == file_count(identity) == 1
