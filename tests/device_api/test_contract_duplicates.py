"""The same bytes again: nothing changes, and the answer repeats the first receipt."""

from __future__ import annotations

from collections.abc import Callable

from identities.models import Identity
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.support.devices import Device
from tests.support.stored_data import file_count, original, stored_samples

NewBound = Callable[..., Device]
FIRST = b"1526292559000,1\n1526292560000,2\n"
CORRECTION = b"1526292560000,5\n"
BAD = b"1526292559000,1\nnonsense\n"


def test_the_same_file_again_repeats_the_first_receipt(bound: Device, identity: Identity) -> None:
    first = only_receipt(accepted(bound.upload(("hr", "monday", FIRST))))
    again = only_receipt(accepted(bound.upload(("hr", "monday", FIRST))))
    assert again == {**first, "status": "duplicate"}
    assert file_count(identity) == 1


def test_another_file_name_makes_no_other_file(bound: Device) -> None:
    first = only_receipt(accepted(bound.upload(("hr", "monday", FIRST))))
    again = only_receipt(accepted(bound.upload(("hr", "tuesday", FIRST))))
    assert again == {**first, "status": "duplicate"}


def test_another_certificate_of_the_identity_makes_no_other_file(
    bound: Device, new_bound: NewBound
) -> None:
    first = only_receipt(accepted(bound.upload(("hr", "monday", FIRST))))
    again = only_receipt(accepted(new_bound().upload(("hr", "monday", FIRST))))
    assert again == {**first, "status": "duplicate"}


def test_another_measurement_name_makes_another_file(bound: Device) -> None:
    first = only_receipt(accepted(bound.upload(("hr", "monday", FIRST))))
    other = only_receipt(accepted(bound.upload(("ibi", "monday", FIRST))))
    assert (other["status"], other["new"]) == ("stored", 2)
    assert other["id"] != first["id"]


def test_a_retry_does_not_undo_a_correction(bound: Device, identity: Identity) -> None:
    first = only_receipt(accepted(bound.upload(("hr", "f", FIRST))))
    correction = only_receipt(accepted(bound.upload(("hr", "f", CORRECTION))))
    assert correction["replaced"] == 1
    again = only_receipt(accepted(bound.upload(("hr", "f", FIRST))))
    assert again == {**first, "status": "duplicate"}
    assert stored_samples(identity, "hr") == {1526292559000: 1.0, 1526292560000: 5.0}


def test_the_same_samples_in_other_bytes_are_identical(bound: Device, identity: Identity) -> None:
    bound.upload(("hr", "f", FIRST))
    receipt = only_receipt(accepted(bound.upload(("hr", "f", FIRST.replace(b"\n", b"\r\n")))))
    assert receipt["status"] == "stored"
    assert (receipt["new"], receipt["identical"], receipt["replaced"]) == (0, 2, 0)
    assert len(stored_samples(identity, "hr")) == 2
    assert file_count(identity) == 2


def test_the_same_file_twice_in_one_request_is_stored_once(
    bound: Device, identity: Identity
) -> None:
    body = accepted(bound.upload(("hr", "a", FIRST), ("hr", "b", FIRST)))
    first, second = body["files"]
    assert (first["status"], second["status"]) == ("stored", "duplicate")
    assert second == {**first, "status": "duplicate"}
    assert file_count(identity) == 1


def test_a_repeated_rejected_file_gets_its_first_receipt(
    bound: Device, new_bound: NewBound, identity: Identity
) -> None:
    first = only_receipt(refused(bound.upload(("hr", "f", BAD)), 422, "unreadable_file", "files"))
    for device in (bound, new_bound()):
        again = refused(device.upload(("hr", "g", BAD)), 422, "unreadable_file", "files")
        assert only_receipt(again) == first
    assert file_count(identity, status="rejected") == 1
    assert original(first) == BAD


def test_a_rejected_file_twice_in_one_request_is_stored_once(
    bound: Device, identity: Identity
) -> None:
    answer = bound.upload(("hr", "a", BAD), ("hr", "b", BAD))
    first, second = refused(answer, 422, "unreadable_file", "files")["files"]
    assert first == second
    assert file_count(identity) == 1
