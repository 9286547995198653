"""POST multipart/form-data: a receipt for every file."""

from __future__ import annotations

import hashlib
import uuid

import pytest

from identities.models import Identity
from ingest.models import Measurement
from tests.device_api.assertions import accepted, only_receipt
from tests.device_api.reference_model import take
from tests.support.devices import Device
from tests.support.stored_data import file_count, original, stored_samples

LINES = b"1526292559214,95\n1526292559839,96.5\n1526292560397,-95\n"


def test_a_stored_file_has_a_receipt_with_all_that_was_counted(bound: Device) -> None:
    answer = bound.upload(("hr", "monday.csv", LINES))
    body = accepted(answer)
    assert set(body) == {"request_id", "files"}
    assert body["request_id"] == answer.headers["X-Request-ID"]
    receipt = only_receipt(body)
    assert uuid.UUID(receipt["id"]).version == 7
    assert receipt == {
        "id": receipt["id"],
        "name": "hr",
        "filename": "monday.csv",
        "sha256": hashlib.sha256(LINES).hexdigest(),
        "status": "stored",
        "lines": 3,
        "samples": 3,
        "new": 3,
        "identical": 0,
        "replaced": 0,
        "repeated": 0,
        "first_ms": 1526292559214,
        "last_ms": 1526292560397,
    }


def test_acknowledged_files_are_stored_under_the_right_identity(
    bound: Device, identity: Identity
) -> None:
    receipt = only_receipt(accepted(bound.upload(("hr", "monday.csv", LINES))))
    stored = Measurement.objects.get(pk=receipt["id"])
    assert stored.identity == identity
    assert stored.certificate.fingerprint == bound.sha256
    assert (stored.status, stored.size, stored.content_type) == ("stored", len(LINES), "text/plain")
    assert original(receipt) == LINES
    assert stored_samples(identity, "hr") == {
        1526292559214: 95.0,
        1526292559839: 96.5,
        1526292560397: -95.0,
    }


def test_several_files_have_receipts_in_their_order(bound: Device, identity: Identity) -> None:
    files = [(f"series-{number}", f"{number}.csv", LINES) for number in (3, 1, 2)]
    body = accepted(bound.upload(*files))
    assert [receipt["name"] for receipt in body["files"]] == ["series-3", "series-1", "series-2"]
    assert [receipt["filename"] for receipt in body["files"]] == ["3.csv", "1.csv", "2.csv"]
    assert len({receipt["id"] for receipt in body["files"]}) == 3
    assert file_count(identity, status="stored") == 3


def test_two_files_of_one_series_are_overlaid_in_order(bound: Device, identity: Identity) -> None:
    body = accepted(
        bound.upload(
            ("hr", None, b"1526292559000,1\n1526292560000,2\n"),
            ("hr", None, b"1526292560000,3\n1526292561000,4\n"),
        )
    )
    counts = [(one["new"], one["identical"], one["replaced"]) for one in body["files"]]
    assert counts == [(2, 0, 0), (1, 0, 1)]
    assert stored_samples(identity, "hr") == {
        1526292559000: 1.0,
        1526292560000: 3.0,
        1526292561000: 4.0,
    }


@pytest.mark.parametrize(
    ("content", "repeated"),
    [
        (b"1526292559000,1\n1526292559000,2\n", 1),
        (b"1526292559000,2\n1526292559000,2\n", 1),
        (b"1526292559000,2\n1526292559000,1\n1526292559000,2\n", 2),
    ],
)
def test_of_lines_with_one_timestamp_the_last_wins(
    bound: Device, identity: Identity, content: bytes, repeated: int
) -> None:
    receipt = only_receipt(accepted(bound.upload(("hr", "f", content))))
    assert (receipt["new"], receipt["identical"], receipt["replaced"]) == (1, 0, 0)
    assert (receipt["repeated"], receipt["samples"]) == (repeated, 1 + repeated)
    assert stored_samples(identity, "hr") == {1526292559000: 2.0}


def test_an_overlapping_file_is_counted_line_by_line(bound: Device, identity: Identity) -> None:
    bound.upload(("hr", "f", b"1526292559000,1\n1526292560000,2\n1526292561000,3\n"))
    later = b"1526292560000,2\n1526292561000,9\n1526292562000,4\n1526292560500,5\n"
    receipt = only_receipt(accepted(bound.upload(("hr", "f", later))))
    assert (receipt["samples"], receipt["new"]) == (4, 2)
    assert (receipt["identical"], receipt["replaced"]) == (1, 1)
    assert stored_samples(identity, "hr") == {
        1526292559000: 1.0,
        1526292560000: 2.0,
        1526292560500: 5.0,
        1526292561000: 9.0,
        1526292562000: 4.0,
    }


def test_a_file_of_many_hours_and_one_overlaid_on_it(bound: Device, identity: Identity) -> None:
    hour = 3_600_000
    sparse = {1526292000000 + hour * i // 3: float(i % 50) for i in range(3 * 24 * 10)}
    dense = {1526295600000 + 40 * i: float(i % 7) for i in range(20_000)}

    def lines(samples: dict[int, float]) -> bytes:
        return b"".join(b"%d,%g\n" % pair for pair in samples.items())

    series: dict[int, float] = {}
    changed = {time: value + (time % 3) for time, value in sparse.items()}
    for samples in (sparse, dense, {**changed, **dense}, {**dense, 1526295600001: 1.0}):
        counts = take(series, lines(samples))
        receipt = only_receipt(accepted(bound.upload(("hr", "f", lines(samples)))))
        assert {name: receipt[name] for name in counts} == counts
        assert receipt["samples"] == len(samples)
    assert stored_samples(identity, "hr") == series


@pytest.mark.parametrize(
    "filename",
    ["../../etc/passwd", "..", "<script>alert(1)</script>", "\u202egpj.exe", "\u00e9\U0001f600"],
)
def test_a_file_name_is_returned_as_sent(bound: Device, filename: str) -> None:
    receipt = only_receipt(accepted(bound.upload(("hr", filename, LINES))))
    assert receipt["filename"] == filename
    assert Measurement.objects.get(pk=receipt["id"]).filename == filename


def test_a_file_name_is_made_storable(bound: Device) -> None:
    long = only_receipt(accepted(bound.upload(("hr", "x" * 300, LINES))))
    assert long["filename"] == "x" * 254 + "…"
    null = only_receipt(accepted(bound.upload(("hr", "a\0b", LINES + b"1526292560398,1"))))
    assert null["filename"] == "a\ufffdb"


def test_a_file_name_may_be_missing(bound: Device) -> None:
    assert only_receipt(accepted(bound.upload(("hr", None, LINES))))["filename"] == ""


def test_the_same_name_in_two_identities_is_two_series(
    bound: Device, identity: Identity, new_bound: object, new_identity: object
) -> None:
    other = new_identity()  # type: ignore[operator]
    stranger = new_bound(other)  # type: ignore[operator]
    bound.upload(("hr", "f", b"1526292559000,1\n"))
    receipt = only_receipt(accepted(stranger.upload(("hr", "f", b"1526292559000,1\n"))))
    assert (receipt["status"], receipt["new"]) == ("stored", 1)
    assert stored_samples(identity, "hr") == stored_samples(other, "hr") == {1526292559000: 1.0}
