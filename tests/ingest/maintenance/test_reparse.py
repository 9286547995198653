"""Reading rejected files again: those that can be read now are stored as if they came now."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from ingest.maintenance.reparse import Reparsed, reparse
from ingest.maintenance.verification import verify_series
from ingest.models import Measurement
from ingest.parsing.samples import FileLimits, TimeWindow
from tests.ingest.maintenance.factories import (
    MORNING,
    WINDOW,
    make_certificate,
    make_identity,
    send,
    stored,
    write_file,
)

pytestmark = pytest.mark.usefixtures("live_db")

NARROW = TimeWindow(0, MORNING)


def test_a_file_accepted_now_is_overlaid_on_later_files() -> None:
    certificate = make_certificate(make_identity())
    identity = certificate.identity
    content = write_file({MORNING + 1: 1.0, MORNING + 2: 2.0, MORNING + 3: 3.0})
    rejected = send(certificate, content, window=NARROW)
    assert rejected.status == "rejected"
    send(certificate, {MORNING + 2: 20.0, MORNING + 3: 3.0, MORNING + 4: 40.0})
    done = Reparsed()
    for done in reparse(identity.pk, WINDOW, FileLimits(100, 100)):  # noqa: B007 - the last counts
        pass
    (file,) = done.stored
    assert (file.pk, file.status, file.errors) == (rejected.id, "stored", None)
    assert (file.samples, file.new, file.identical, file.replaced) == (3, 1, 1, 1)
    assert (file.first_ms, file.last_ms) == (MORNING + 1, MORNING + 3)
    assert stored(identity) == {
        MORNING + 1: 1.0, MORNING + 2: 2.0, MORNING + 3: 3.0, MORNING + 4: 40.0,
    }  # fmt: skip
    assert verify_series(identity.pk, "hr").is_clean
    again = send(certificate, content)
    assert (again.id, again.status) == (rejected.id, "duplicate")


def test_an_unreadable_or_badly_named_file_stays_rejected() -> None:
    certificate = make_certificate(make_identity())
    identity = certificate.identity
    send(certificate, b"rubbish")
    send(certificate, write_file({MORNING: 1.0}), name="bad name")
    send(certificate, write_file({MORNING + i: 1.0 for i in range(9)}), window=NARROW)
    done = Reparsed()
    for done in reparse(identity.pk, WINDOW, FileLimits(5, 5)):  # noqa: B007 - the last counts
        pass
    assert (done.stored, done.still_rejected) == ([], 3)
    assert Measurement.objects.filter(identity=identity, status="rejected").count() == 3


def test_the_command_reports_each_file(capsys: pytest.CaptureFixture[str]) -> None:
    certificate = make_certificate(make_identity())
    name = certificate.identity.name
    send(certificate, b"rubbish")
    receipt = send(certificate, write_file({MORNING + 1: 1.0}), window=NARROW)
    call_command("reparse", "--identity", name, "--json")
    assert json.loads(capsys.readouterr().out) == {
        "stored": [
            {
                "id": str(receipt.id), "identity": name, "name": "hr", "lines": 1, "samples": 1,
                "new": 1, "identical": 0, "replaced": 0, "repeated": 0,
                "first_ms": MORNING + 1, "last_ms": MORNING + 1,
            }
        ],
        "still_rejected": 1,
    }  # fmt: skip
    call_command("reparse", "--identity", name)
    assert "0 files are stored now, 1 remain rejected" in capsys.readouterr().out
