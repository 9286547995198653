"""Verification: silent on what is right, exact about what is not."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from ingest.maintenance.compaction import compact
from ingest.maintenance.verification import SeriesVerified, verify_series
from ingest.models import DeviceCertificate, Measurement, SampleBlock
from tests.ingest.maintenance.factories import (
    HOUR_MS,
    MORNING,
    make_certificate,
    make_identity,
    send,
    stored,
)
from tests.support.block_contents import offsets_of, plain_form, values_of
from tests.support.examples import bounded

pytestmark = pytest.mark.usefixtures("live_db")

HOUR = MORNING // HOUR_MS


@pytest.fixture
def certificate(live_db: None) -> DeviceCertificate:
    """Give a device that has sent two hours of samples in small files, some of them twice."""
    certificate = make_certificate(make_identity())
    for start in range(0, 120, 10):
        send(certificate, {MORNING + 60_000 * (start + i): float(start + i) for i in range(12)})
    return certificate


def verify(certificate: DeviceCertificate) -> SeriesVerified:
    return verify_series(certificate.identity_id, "hr")


def test_values_whose_sum_is_no_double_are_clean(live_db: None) -> None:
    certificate = make_certificate(make_identity())
    send(certificate, {MORNING: 1.7e308, MORNING + 1: 1.7e308, MORNING + 2: -1.7e308})
    assert verify(certificate).is_clean
    compact(identity_id=certificate.identity_id)
    assert verify(certificate).is_clean


def blocks(certificate: DeviceCertificate, hour: int = HOUR) -> list[SampleBlock]:
    found = SampleBlock.objects.filter(identity=certificate.identity, hour=hour)
    return list(found.order_by("first_ms"))


def test_uploads_are_clean_before_and_after_compaction(
    certificate: DeviceCertificate,
) -> None:
    send(certificate, {MORNING: 77.5})  # replaces
    send(certificate, b"no sample\n")
    assert verify(certificate).is_clean
    compact(identity_id=certificate.identity_id)
    verified = verify(certificate)
    assert verified.is_clean
    assert (verified.files, verified.samples) == (14, len(stored(certificate.identity)))


def test_small_runs_of_hours_compare_the_same(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.maintenance.verification.SAMPLES_PER_RUN", 50)
    send(certificate, {MORNING + HOUR_MS * i: 1.0 for i in range(-5, 40, 3)})
    verified = verify(certificate)
    assert verified.is_clean
    assert verified.samples == len(stored(certificate.identity))


def test_a_changed_value_is_found_in_its_hour(certificate: DeviceCertificate) -> None:
    block = blocks(certificate)[0]
    values = values_of(block)
    values[3] += 1e-9
    SampleBlock.objects.filter(pk=block.pk).update(
        **plain_form(block) | {"values": values, "total": sum(values), "maximum": max(values)}
    )
    (found,) = verify(certificate).differences
    assert (found.hour, found.missing, found.extra, found.different) == (HOUR, 0, 0, 1)
    assert not found.faults


def test_a_deleted_block_is_found(certificate: DeviceCertificate) -> None:
    block = blocks(certificate, HOUR + 1)[0]
    block.delete()
    (found,) = verify(certificate).differences
    assert (found.hour, found.missing, found.extra) == (HOUR + 1, block.sample_count, 0)


def test_samples_of_no_file_are_found(certificate: DeviceCertificate) -> None:
    block = blocks(certificate)[0]
    block.pk, block.hour = None, HOUR + 500
    block.first_ms += 500 * HOUR_MS
    block.last_ms += 500 * HOUR_MS
    block.save(force_insert=True)
    (found,) = verify(certificate).differences
    assert (found.hour, found.missing, found.extra) == (HOUR + 500, 0, block.sample_count)


def test_a_timestamp_in_two_blocks_is_found(certificate: DeviceCertificate) -> None:
    block = blocks(certificate)[0]
    value = values_of(block)[0]
    SampleBlock.objects.create(
        identity=certificate.identity, name="hr", hour=HOUR, first_ms=block.first_ms,
        last_ms=block.first_ms, sample_count=1, minimum=value, maximum=value, total=value,
        offsets=offsets_of(block)[:1], values=[value],
    )  # fmt: skip
    (found,) = verify(certificate).differences
    assert found.faults == ["1 timestamps are stored twice"]
    assert compact(identity_id=certificate.identity_id).damaged == 1  # left for a rebuild


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("minimum", -1.0, "minimum"),
        ("maximum", 1e6, "maximum"),
        ("total", 1e6, "total"),
        ("first_ms", F("first_ms") - 1, "first or last time"),
        ("last_ms", F("last_ms") + 1, "first or last time"),
        ("sample_count", 5, "not 5"),
        ("encoding", 9, "encoding"),
        ("values", [], "no samples"),
        ("offsets", [1], "different numbers"),
        ("offsets", [9 - i for i in range(12)], "not sorted"),
        ("offsets", [HOUR_MS + i for i in range(12)], "outside its hour"),
    ],
)
def test_an_inconsistent_block_is_found(
    certificate: DeviceCertificate, column: str, value: object, fault: str
) -> None:
    chosen = blocks(certificate)[0]
    SampleBlock.objects.filter(pk=chosen.pk).update(**{**plain_form(chosen), column: value})
    faults = [text for found in verify(certificate).differences for text in found.faults]
    assert any(fault in text for text in faults), faults


@pytest.mark.parametrize("content", [b"x", pa.compress(b"1,2\n", codec="zstd", asbytes=True)])
def test_a_changed_file_is_found(certificate: DeviceCertificate, content: bytes) -> None:
    file = Measurement.objects.filter(identity=certificate.identity).order_by("pk")[2]
    Measurement.objects.filter(pk=file.pk).update(content=content)
    (damaged,) = verify(certificate).damaged
    assert damaged.id == file.pk


def test_one_changed_byte_of_a_rejected_file_is_found(certificate: DeviceCertificate) -> None:
    receipt = send(certificate, b"rubbish\n")
    changed = pa.compress(b"rubbisk\n", codec="zstd", asbytes=True)
    Measurement.objects.filter(pk=receipt.id).update(content=changed)
    (damaged,) = verify(certificate).damaged
    assert (damaged.id, damaged.fault) == (receipt.id, "its SHA-256 differs")


def test_a_lost_file_is_found(certificate: DeviceCertificate) -> None:
    Measurement.objects.filter(identity=certificate.identity).order_by("pk")[0].delete()
    assert [found.extra > 0 for found in verify(certificate).differences] == [True]


def test_it_is_clean_during_uploads_and_compaction(
    certificate: DeviceCertificate,
) -> None:
    ended = threading.Event()

    def send_on() -> None:
        for i in range(bounded(60)):
            send(certificate, {MORNING + 7000 * i + 3000 * k: float(i + k) for k in range(20)})
            compact(identity_id=certificate.identity_id)
        connection.close()
        ended.set()

    thread = threading.Thread(target=send_on)
    thread.start()
    compared = 0
    while not ended.is_set() or not compared:
        assert verify(certificate).is_clean
        compared += 1
    thread.join()
    assert verify(certificate).is_clean


def test_the_command_lists_differences_and_exits_with_1(
    certificate: DeviceCertificate, capsys: pytest.CaptureFixture[str]
) -> None:
    name = certificate.identity.name
    call_command("verify", "--identity", name)
    assert "no differences" in capsys.readouterr().out
    SampleBlock.objects.filter(identity=certificate.identity, hour=HOUR).delete()
    with pytest.raises(SystemExit) as ended:
        call_command("verify", "--identity", name, "--json")
    assert ended.value.code == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["clean"], document["series"], document["files"]) == (False, 1, 12)
    assert document["differences"] == [
        {
            "identity": name,
            "name": "hr",
            "hour": f"{datetime.fromtimestamp(MORNING / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "missing": 60,
            "extra": 0,
            "different": 0,
            "faults": [],
        }
    ]
    with pytest.raises(SystemExit):
        call_command("verify", "--identity", name)
    assert f"{name} 'hr' 2026-03-01T08:00:00Z: 60 missing" in capsys.readouterr().out
