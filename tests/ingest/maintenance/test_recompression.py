"""Stored files are compressed again in idle time, and give back the same bytes."""

from __future__ import annotations

import io
import os
import random
from datetime import timedelta

import pyarrow as pa
import pytest
from django.core.management import call_command

from identities.models import Identity
from ingest.maintenance import recompression
from ingest.maintenance.recompression import recompress
from ingest.maintenance.verification import verify_series
from ingest.models import Measurement, RecompressionProgress
from ingest.storage.stored_files import load_content
from tests.ingest.maintenance.factories import MORNING, make_certificate, make_identity, send


@pytest.fixture
def identity(own_db: None, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """Return an identity with five files that need no rest."""
    monkeypatch.setattr(recompression, "MIN_AGE", timedelta(seconds=-1))
    certificate = make_certificate(make_identity())
    values = random.Random(1)  # noqa: S311 - not a secret
    for number in range(5):
        start = MORNING + 2_000_000 * number
        send(certificate, {start + 1000 * i: round(values.gauss(70, 3), 1) for i in range(1500)})
    return certificate.identity


def sizes(identity: Identity) -> list[int]:
    files = Measurement.objects.filter(identity=identity).order_by("id")
    return [len(file.content) for file in files]


def test_files_shrink_and_give_back_the_same_bytes(identity: Identity) -> None:
    before = sizes(identity)
    done = recompress(60)
    after = sizes(identity)
    assert (done.files, done.bytes_before, done.bytes_after) == (5, sum(before), sum(after))
    assert sum(after) < 0.9 * sum(before)
    assert all(load_content(file)[1] == "" for file in Measurement.objects.all())
    assert verify_series(identity.pk, "hr").is_clean


def test_each_file_is_read_once(identity: Identity) -> None:
    recompress(60)
    after = sizes(identity)
    assert recompress(60).files == 0
    assert sizes(identity) == after
    newest = Measurement.objects.order_by("-id").values_list("pk", flat=True)[0]
    assert RecompressionProgress.objects.get().last_id == newest


def test_a_run_ends_when_its_time_is_over_and_goes_on(identity: Identity) -> None:
    calls = iter([False, False, False, True, True, True])
    first = recompress(60, is_stopping=lambda: next(calls))
    assert 0 < first.files < 5
    assert first.files + recompress(60).files == 5


def test_a_damaged_file_keeps_its_bytes(identity: Identity) -> None:
    damaged = Measurement.objects.order_by("id")[0]
    content = pa.compress(os.urandom(3000), codec="zstd", asbytes=True)
    Measurement.objects.filter(pk=damaged.pk).update(content=content)
    done = recompress(60)
    assert (done.files, done.damaged) == (4, 1)
    damaged.refresh_from_db()
    assert bytes(damaged.content) == content


def test_small_files_are_left(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompression, "MIN_BYTES", 1_000_000)
    assert recompress(60).files == 0


def test_old_files_are_left(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompression, "MAX_AGE", timedelta(seconds=-1))
    assert recompress(60).files == 0


def test_recent_files_are_left(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompression, "MIN_AGE", timedelta(minutes=10))
    assert recompress(60).files == 0
    assert recompress(60, include_recent=True).files == 5


def test_compact_does_it_unless_it_is_switched_off(identity: Identity, settings: object) -> None:
    output = io.StringIO()
    settings.RECOMPRESSION_SECONDS = 0  # type: ignore[attr-defined] # pytest-django's wrapper
    call_command("compact", stdout=output)
    assert "compressed again" not in output.getvalue()
    settings.RECOMPRESSION_SECONDS = 60  # type: ignore[attr-defined] # pytest-django's wrapper
    call_command("compact", stdout=output)
    assert "5 files compressed again" in output.getvalue()
