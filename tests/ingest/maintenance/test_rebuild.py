"""Rebuilding: the blocks are what the files say, whatever had become of them."""

from __future__ import annotations

import json
import threading

import pyarrow as pa
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ingest.maintenance.rebuild import rebuild_series
from ingest.maintenance.verification import verify_series
from ingest.models import DeviceCertificate, Measurement, SampleBlock
from tests.ingest.maintenance.factories import (
    HOUR_MS,
    MORNING,
    blocks_of,
    make_certificate,
    make_identity,
    send,
    stored,
)
from tests.support.block_contents import plain_form, values_of

pytestmark = pytest.mark.usefixtures("live_db")


@pytest.fixture
def certificate(live_db: None) -> DeviceCertificate:
    certificate = make_certificate(make_identity())
    for start in range(0, 300, 10):
        send(certificate, {MORNING + 60_000 * (start + i): start + i / 3 for i in range(15)})
    return certificate


@pytest.mark.parametrize("samples_per_run", [100, 500_000])
def test_lost_repeated_and_changed_blocks_are_rebuilt(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch, samples_per_run: int
) -> None:
    monkeypatch.setattr("ingest.maintenance.rebuild.SAMPLES_PER_RUN", samples_per_run)
    identity = certificate.identity
    expected = stored(identity)
    first, second, third = SampleBlock.objects.filter(identity=identity)[:3]
    first.delete()
    values = [1e9, *values_of(second)[1:]]
    SampleBlock.objects.filter(pk=second.pk).update(**plain_form(second) | {"values": values})
    third.pk, third.name = None, "hr"
    third.save(force_insert=True)  # a cluster changes no identity of a row
    rebuild_series(identity.pk, "hr")
    assert stored(identity) == expected
    assert blocks_of(identity) == 6  # one for each hour: rebuilt, they need no compaction
    assert verify_series(identity.pk, "hr").is_clean


def test_samples_of_no_file_are_deleted(certificate: DeviceCertificate) -> None:
    identity = certificate.identity
    expected = stored(identity)
    block = SampleBlock.objects.filter(identity=identity)[0]
    block.pk, block.hour = None, block.hour + 1000
    block.save(force_insert=True)
    rebuild_series(identity.pk, "hr")
    assert stored(identity) == expected


def test_hours_of_a_damaged_file_do_not_change(certificate: DeviceCertificate) -> None:
    identity = certificate.identity
    expected = stored(identity)
    file = Measurement.objects.filter(identity=identity).order_by("pk")[0]
    changed = pa.compress(b"1,2\n", codec="zstd", asbytes=True)
    Measurement.objects.filter(pk=file.pk).update(content=changed)
    done = rebuild_series(identity.pk, "hr")
    assert [each.id for each in done.damaged] == [file.pk]
    assert stored(identity) == expected


def test_concurrent_uploads_are_kept(certificate: DeviceCertificate) -> None:
    identity = certificate.identity
    expected = stored(identity)
    ended = threading.Event()

    def send_on() -> None:
        for i in range(50):
            samples = {MORNING + 60_000 * (7 * i + k): -float(i) for k in range(5)}
            send(certificate, samples)
            expected.update(samples)
        connection.close()
        ended.set()

    thread = threading.Thread(target=send_on)
    thread.start()
    while not ended.is_set():
        assert not rebuild_series(identity.pk, "hr").damaged
    thread.join()
    assert stored(identity) == expected
    assert verify_series(identity.pk, "hr").is_clean


def test_the_command_rebuilds_the_named_series(
    certificate: DeviceCertificate, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = certificate.identity
    send(certificate, {MORNING: 1.0}, name="other")
    SampleBlock.objects.filter(identity=identity).delete()
    call_command("rebuild", "hr", "--identity", identity.name, "--json")
    assert json.loads(capsys.readouterr().out) == {
        "series": 1, "blocks_before": 0, "blocks_after": 6, "samples": 305, "damaged": [],
    }  # fmt: skip
    assert not stored(identity, "other")
    call_command("rebuild", "--identity", identity.name)
    assert stored(identity, "other") == {MORNING: 1.0}
    with pytest.raises(CommandError, match="There is no series nothing"):
        call_command("rebuild", "nothing", "--identity", identity.name)


def test_an_hour_above_the_run_size_is_rebuilt_in_one_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.maintenance.rebuild.SAMPLES_PER_RUN", 10)
    certificate = make_certificate(make_identity())
    samples = {MORNING + HOUR_MS * i // 5000: float(i) for i in range(10_000)}
    send(certificate, samples)
    rebuild_series(certificate.identity_id, "hr")
    assert stored(certificate.identity) == samples
