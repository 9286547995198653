"""A file that cannot be read: 422, with line and hint; the good ones are stored."""

from __future__ import annotations

from identities.models import Identity
from ingest.models import Measurement
from tests.device_api.assertions import (
    LINE_ERROR,
    accepted,
    only_receipt,
    refused,
)
from tests.support.devices import Device
from tests.support.stored_data import (
    file_count,
    original,
    sample_count,
    stored_samples,
)

GOOD = b"1526292559000,1\n"
BAD = b"1526292559000,1\n1526292560000,9x\n\n1526292561000,2\n"


def test_errors_have_line_column_and_content(bound: Device) -> None:
    receipt = only_receipt(refused(bound.upload(("hr", "f", BAD)), 422, "unreadable_file", "files"))
    assert receipt["status"] == "rejected"
    assert [set(error) for error in receipt["errors"]] == [LINE_ERROR] * 2
    places = [(error["line"], error["column"], error["got"]) for error in receipt["errors"]]
    assert places == [(2, 16, "1526292560000,9x"), (3, 1, "")]


def test_no_sample_of_a_rejected_file_is_counted_or_stored(
    bound: Device, identity: Identity
) -> None:
    receipt = only_receipt(refused(bound.upload(("hr", "f", BAD)), 422, "unreadable_file", "files"))
    counted = ("samples", "new", "identical", "replaced", "repeated", "first_ms", "last_ms")
    assert [receipt[name] for name in counted] == [0, 0, 0, 0, 0, None, None]
    assert sample_count(identity) == 0


def test_its_bytes_are_stored_as_rejected(bound: Device, identity: Identity) -> None:
    receipt = only_receipt(refused(bound.upload(("hr", "f", BAD)), 422, "unreadable_file", "files"))
    stored = Measurement.objects.get(pk=receipt["id"])
    assert (stored.identity, stored.status, stored.errors) == (
        identity,
        "rejected",
        receipt["errors"],
    )
    assert original(receipt) == BAD


def test_the_good_files_of_the_request_are_stored(bound: Device, identity: Identity) -> None:
    answer = bound.upload(("hr", "a", GOOD), ("hr", "b", BAD), ("ibi", "c", GOOD))
    body = refused(answer, 422, "unreadable_file", "files")
    assert [one["status"] for one in body["files"]] == ["stored", "rejected", "stored"]
    assert ["errors" in one for one in body["files"]] == [False, True, False]
    assert stored_samples(identity, "hr") == stored_samples(identity, "ibi") == {1526292559000: 1.0}
    assert file_count(identity) == 3


def test_a_repeated_request_has_duplicates_and_stays_422(bound: Device) -> None:
    files = [("hr", "a", GOOD), ("hr", "b", BAD)]
    first = refused(bound.upload(*files), 422, "unreadable_file", "files")
    again = refused(bound.upload(*files), 422, "unreadable_file", "files")
    assert again["files"] == [{**first["files"][0], "status": "duplicate"}, first["files"][1]]


def test_at_most_twenty_errors_are_listed(bound: Device) -> None:
    answer = bound.upload(("hr", "f", b"#\n" * 50))
    receipt = only_receipt(refused(answer, 422, "unreadable_file", "files"))
    assert [error["line"] for error in receipt["errors"]] == list(range(1, 21))


def test_the_content_in_errors_is_cut_and_escaped(bound: Device) -> None:
    lines = [b"<script>alert('hello')</script>", b"\x00\x1b[31m" * 20, "\u202e\u00e9".encode() * 30]
    answer = bound.upload(("hr", "f", b"\n".join(lines)))
    receipt = only_receipt(refused(answer, 422, "unreadable_file", "files"))
    assert len(receipt["errors"]) == 3
    for error in receipt["errors"]:
        assert len(error["got"]) <= 40
        assert "<" not in error["got"]
        assert error["got"].rstrip("\u2026").isprintable()


def test_a_bad_name_is_a_rejected_file(bound: Device, identity: Identity) -> None:
    for name in ("a b", "", "-a", "é", "x" * 65, "a/b", "<script>"):
        answer = bound.upload((name, "f", GOOD + f"1526292560000,{len(name)}\n".encode()))
        receipt = only_receipt(refused(answer, 422, "unreadable_file", "files"))
        assert receipt["status"] == "rejected"
        assert receipt["errors"][0]["line"] == 0
    assert sample_count(identity) == 0


def test_a_name_that_is_too_long_cannot_pass_for_its_prefix(
    bound: Device, identity: Identity
) -> None:
    refused(bound.upload(("x" * 65, "f", GOOD)), 422, "unreadable_file", "files")
    assert only_receipt(accepted(bound.upload(("x" * 64, "f", GOOD))))["status"] == "stored"
    assert sample_count(identity) == 1


def test_an_empty_file_is_unreadable(bound: Device) -> None:
    for content in (b"", b"\n\n", b"\xef\xbb\xbf", b"\r\n"):
        answer = bound.upload(("hr", "f", content))
        receipt = only_receipt(refused(answer, 422, "unreadable_file", "files"))
        assert "empty_file" in receipt["errors"][0]["hint"]


def test_the_device_goes_on_after_it(bound: Device) -> None:
    refused(bound.upload(("hr", "f", BAD)), 422, "unreadable_file", "files")
    assert only_receipt(accepted(bound.upload(("hr", "f", GOOD))))["status"] == "stored"
