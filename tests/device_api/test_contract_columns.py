"""Files of several columns, fractions of a millisecond, header lines and rounded values."""

from __future__ import annotations

import pytest

from identities.models import Identity
from ingest.maintenance.verification import verify_series
from ingest.models import Measurement, MeasurementType
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.support.devices import Device
from tests.support.stored_data import sample_count, stored_samples

AXES = (
    b"time,x,y,z\n"
    b"1526292559214,0.012,-0.981,0.104\n"
    b"1526292559234,0.013,-0.979,\n"
    b"1526292559254,0.011,-0.982,0.101\n"
)


def upload(device: Device, content: bytes, name: str = "acc") -> dict[str, object]:
    return only_receipt(accepted(device.upload((name, "f", content))))


def test_each_column_of_a_file_is_a_series(bound: Device, identity: Identity) -> None:
    receipt = upload(bound, AXES)
    assert (receipt["lines"], receipt["samples"], receipt["new"]) == (3, 8, 8)
    assert receipt["series"] == [
        {"name": f"acc.{axis}", "samples": count, "new": count, "identical": 0, "replaced": 0,
         "repeated": 0, "first_ms": 1526292559214, "last_ms": 1526292559254}
        for axis, count in (("x", 3), ("y", 3), ("z", 2))
    ]  # fmt: skip
    assert stored_samples(identity, "acc.z") == {1526292559214: 0.104, 1526292559254: 0.101}
    assert stored_samples(identity, "acc") == {}
    assert upload(bound, AXES) == {**receipt, "status": "duplicate"}


def test_a_later_file_replaces_values_by_column(bound: Device, identity: Identity) -> None:
    upload(bound, AXES)
    later = upload(bound, b"t,z,x\n1526292559214,0.2,0.012\n1526292559274,,0.5\n")
    assert (later["new"], later["identical"], later["replaced"]) == (1, 1, 1)
    assert stored_samples(identity, "acc.z") == {1526292559214: 0.2, 1526292559254: 0.101}
    single = upload(bound, b"1526292559214,0.2\n1526292559999,1\n", "acc.z")
    assert (single["new"], single["identical"]) == (1, 1)
    for axis in "xyz":
        assert verify_series(identity.pk, f"acc.{axis}").is_clean


def test_columns_without_a_header_are_numbered(bound: Device, identity: Identity) -> None:
    receipt = upload(bound, b"1526292559214,1,2\n")
    assert [series["name"] for series in receipt["series"]] == ["acc.1", "acc.2"]  # type: ignore[attr-defined]
    assert stored_samples(identity, "acc.2") == {1526292559214: 2.0}


def test_a_measurement_type_names_the_columns(bound: Device, identity: Identity) -> None:
    MeasurementType.objects.create(pattern="gyro", label="Rotation", columns="x, y, z")
    upload(bound, b"1526292559214,1,2,3\n", "gyro")
    assert stored_samples(identity, "gyro.z") == {1526292559214: 3.0}
    upload(bound, b"1526292559215,1,2\n", "gyro")
    assert stored_samples(identity, "gyro.2") == {1526292559215: 2.0}
    MeasurementType.objects.filter(pattern="gyro").delete()
    assert Measurement.objects.get(identity=identity, lines=1, samples=3).columns == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("header", "field", "hint"),
    [
        (b"time,x,x", 3, "have the name x"),
        (b"time,x,y z", 3, "column name"),
        (b"time,,x", 2, "column name"),
        (b"time,x," + b"y" * 33, 3, "column name"),
    ],
)
def test_bad_column_names_are_unreadable(
    bound: Device, identity: Identity, header: bytes, field: int, hint: str
) -> None:
    answer = bound.upload(("acc", "f", header + b"\n1526292559214,1,2\n"))
    (error,) = only_receipt(refused(answer, 422, "unreadable_file", "files"))["errors"]
    assert (error["line"], error["field"]) == (1, field)
    assert hint in error["hint"]
    assert sample_count(identity) == 0


def test_a_series_name_over_64_characters_is_unreadable(bound: Device) -> None:
    answer = bound.upload(("n" * 62, "f", b"time,abc,d\n1526292559214,1,2\n"))
    errors = only_receipt(refused(answer, 422, "unreadable_file", "files"))["errors"]
    assert [error["field"] for error in errors] == [2]


def test_times_are_kept_to_the_microsecond(bound: Device, identity: Identity) -> None:
    content = b"1526292559214.125,1\n1526292559214.5,2\n1526292559215,3\n1526292559214.12,4\n"
    receipt = upload(bound, content, "ecg")
    assert (receipt["new"], receipt["repeated"]) == (4, 0)
    assert (receipt["first_ms"], receipt["last_ms"]) == (1526292559214, 1526292559215)
    assert stored_samples(identity, "ecg") == {
        1526292559214.12: 4.0, 1526292559214.125: 1.0, 1526292559214.5: 2.0, 1526292559215: 3.0,
    }  # fmt: skip
    assert verify_series(identity.pk, "ecg").is_clean


def test_an_own_export_is_read_back(bound: Device, identity: Identity) -> None:
    upload(bound, b"time_ms,value\n1526292559214,95\n1526292559839,96\n", "hr")
    assert stored_samples(identity, "hr") == {1526292559214: 95.0, 1526292559839: 96.0}


def test_values_that_doubles_cannot_hold_are_counted(bound: Device) -> None:
    receipt = upload(bound, b"1526292559214,9007199254740993\n1526292559215,0.1\n", "counter")
    assert receipt["rounded"] == 1
    assert "rounded" not in upload(bound, b"1526292559214,0.30000000000000004\n", "other")


def test_a_request_may_touch_so_many_hours_and_no_more(bound: Device, identity: Identity) -> None:
    limit = accepted(bound.whoami())["limits"]["hours_per_request"]
    lines = b"".join(b"%d,1\n" % (950_000_000_000 + hour * 3_600_000) for hour in range(limit + 1))
    refused(bound.upload(("hr", "f", lines)), 413, "too_many_hours")
    assert sample_count(identity) == 0
    two = b"".join(b"%d,1,2\n" % (950_000_000_000 + n * 3_600_000) for n in range(limit // 2 + 1))
    refused(bound.upload(("hr", "f", two)), 413, "too_many_hours")


def test_a_file_of_two_distant_samples_reads_two_hours(bound: Device, identity: Identity) -> None:
    between = b"".join(b"%d,1\n" % (1_000_000_000_000 + n * 3_600_000) for n in range(500))
    upload(bound, between, "hr")
    receipt = upload(bound, b"950000000000,1\n1526292559214,2\n1000000000000,5\n", "hr")
    assert (receipt["new"], receipt["replaced"]) == (2, 1)
    assert verify_series(identity.pk, "hr").is_clean
