"""Withdrawal: as if the upload had never come, and it does not come back."""

from __future__ import annotations

import json
import uuid

import pytest
from django.core.management import CommandError, call_command

from ingest.maintenance.compaction import compact
from ingest.maintenance.rebuild import rebuild_series
from ingest.maintenance.verification import verify_series
from ingest.maintenance.withdrawal import NotWithdrawable, withdraw
from ingest.models import Measurement, Withdrawal
from tests.ingest.maintenance.factories import (
    HOUR_MS,
    MORNING,
    make_certificate,
    make_identity,
    send,
    stored,
    write_file,
)

pytestmark = pytest.mark.usefixtures("live_db")


def test_replaced_values_return_and_the_file_is_kept() -> None:
    certificate = make_certificate(make_identity())
    identity = certificate.identity
    before = {MORNING + HOUR_MS // 2 * i: float(i) for i in range(8)}
    send(certificate, before)
    mistake = send(certificate, {MORNING + HOUR_MS // 4 * i: -1.0 for i in range(8)})
    after = {MORNING + HOUR_MS: 99.0}
    send(certificate, after)
    compact(identity_id=identity.pk)
    file = Measurement.objects.get(pk=mistake.id)
    done = withdraw(file, by="ada", reason="  wrong patient ")
    assert (done.hours, done.samples) == (2, 4)
    assert stored(identity) == {**before, **after}
    file.refresh_from_db()
    assert file.status == "withdrawn"
    record = Withdrawal.objects.get(measurement=file)
    assert (record.created_by, record.reason) == ("ada", "wrong patient")
    assert verify_series(identity.pk, "hr").is_clean
    rebuild_series(identity.pk, "hr")
    assert stored(identity) == {**before, **after}


def test_the_same_bytes_are_still_a_duplicate() -> None:
    certificate = make_certificate(make_identity())
    content = write_file({MORNING: 1.0, MORNING + 1: 2.0})
    first = send(certificate, content)
    withdraw(Measurement.objects.get(pk=first.id), by="ada", reason="mistake")
    assert stored(certificate.identity) == {}
    for sender in (certificate, make_certificate(certificate.identity)):
        again = send(sender, content)
        assert (again.id, again.status, again.new) == (first.id, "duplicate", 2)
    assert stored(certificate.identity) == {}
    assert Measurement.objects.get(identity=certificate.identity).status == "withdrawn"


def test_only_a_stored_file_is_withdrawn_with_a_reason() -> None:
    certificate = make_certificate(make_identity())
    rejected = Measurement.objects.get(pk=send(certificate, b"rubbish").id)
    with pytest.raises(NotWithdrawable, match="rejected"):
        withdraw(rejected, by="ada", reason="mistake")
    good = Measurement.objects.get(pk=send(certificate, {MORNING: 1.0}).id)
    with pytest.raises(ValueError, match="reason"):
        withdraw(good, by="ada", reason=" ")
    withdraw(good, by="ada", reason="mistake")
    with pytest.raises(NotWithdrawable, match="withdrawn"):
        withdraw(good, by="ada", reason="mistake")


def test_the_command_withdraws_by_receipt_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    certificate = make_certificate(make_identity())
    receipt = send(certificate, {MORNING: 1.0})
    send(certificate, {MORNING + 1: 1.0})
    call_command("withdraw", str(receipt.id), "--reason", "wrong arm", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "id": str(receipt.id), "hours": 1, "samples": 1,
    }  # fmt: skip
    with pytest.raises(CommandError, match="is withdrawn, not stored"):
        call_command("withdraw", str(receipt.id), "--reason", "wrong arm")
    with pytest.raises(CommandError, match="There is no measurement"):
        call_command("withdraw", str(uuid.uuid4()), "--reason", "wrong arm")
