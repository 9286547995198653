"""Retention: what a policy names goes, and not one sample more."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction

from identities.models import Identity
from identities.studies import Study, StudyIdentity
from ingest.maintenance.compaction import compact
from ingest.maintenance.rebuild import rebuild_series
from ingest.maintenance.retention import find_limits, preview, prune
from ingest.maintenance.verification import verify_series
from ingest.maintenance.withdrawal import withdraw
from ingest.models import (
    DataDeletion,
    DeviceCertificate,
    Measurement,
    PruneWatermark,
    RetentionPolicy,
)
from tests.ingest.maintenance.factories import (
    DAY_MS,
    HOUR_MS,
    MORNING,
    make_certificate,
    make_identity,
    send,
    stored,
)

pytestmark = pytest.mark.usefixtures("live_db")

# Thirty days are kept, so everything before MORNING goes.
NOW_MS = MORNING + 30 * DAY_MS + 1234


@pytest.fixture(autouse=True)
def _no_other_policies(live_db: None) -> Iterator[None]:
    yield
    RetentionPolicy.objects.all().delete()


@pytest.fixture
def certificate(live_db: None) -> DeviceCertificate:
    """Give a device that sent old, new and straddling files, and a withdrawn old one."""
    certificate = make_certificate(make_identity())
    send(certificate, {MORNING - HOUR_MS * i: 1.0 for i in range(1, 60)})
    send(certificate, {MORNING + HOUR_MS * i: 2.0 for i in range(5)})
    send(certificate, {MORNING + 60_000 * i: 3.0 for i in range(-90, 90)})
    mistake = send(certificate, {MORNING - DAY_MS: 4.0})
    withdraw(Measurement.objects.get(pk=mistake.id), by="ada", reason="mistake")
    send(certificate, b"rubbish")
    return certificate


def keep(identity: Identity | None, days: int | None) -> None:
    RetentionPolicy.objects.create(identity=identity, keep_days=days)


def run(identity: Identity) -> None:
    for _ in prune(NOW_MS, "ada", identity.pk):
        pass


def test_without_a_policy_nothing_is_deleted(certificate: DeviceCertificate) -> None:
    keep(make_identity(), 30)
    before = stored(certificate.identity)
    run(certificate.identity)
    assert stored(certificate.identity) == before
    assert not DataDeletion.objects.filter(identity_number=certificate.identity_id).exists()


@pytest.mark.parametrize("blocks_per_step", [1, 7, 20_000])
def test_samples_and_files_older_than_the_policy_are_deleted(
    certificate: DeviceCertificate, monkeypatch: pytest.MonkeyPatch, blocks_per_step: int
) -> None:
    monkeypatch.setattr("ingest.maintenance.deletion.BLOCKS_PER_STEP", blocks_per_step)
    identity = certificate.identity
    keep(identity, 30)
    expected = {time: value for time, value in stored(identity).items() if time >= MORNING}
    gone = len(stored(identity)) - len(expected)
    run(identity)
    assert stored(identity) == expected
    kept = Measurement.objects.filter(identity=identity).order_by("pk")
    assert [file.status for file in kept] == ["stored", "stored", "rejected"]
    assert PruneWatermark.objects.get(identity=identity).before_ms == MORNING
    record = DataDeletion.objects.get(identity_number=identity.pk)
    assert (record.kind, record.created_by, record.before_ms) == ("prune", "ada", MORNING)
    assert (record.files, record.samples) == (2, gone)
    assert record.finished_at is not None


def test_a_pruned_series_is_clean_and_stays_pruned(
    certificate: DeviceCertificate,
) -> None:
    identity = certificate.identity
    keep(identity, 30)
    run(identity)
    expected = stored(identity)
    assert verify_series(identity.pk, "hr").is_clean
    rebuild_series(identity.pk, "hr")
    compact(identity_id=identity.pk)
    assert stored(identity) == expected
    straddling = Measurement.objects.filter(identity=identity, first_ms__lt=MORNING)
    withdraw(straddling.get(), by="ada", reason="mistake")
    assert stored(identity) == {MORNING + HOUR_MS * i: 2.0 for i in range(5)}
    assert verify_series(identity.pk, "hr").is_clean


def test_late_old_samples_are_kept_until_the_next_run(
    certificate: DeviceCertificate,
) -> None:
    identity = certificate.identity
    keep(identity, 30)
    run(identity)
    late = {MORNING - HOUR_MS + i: 9.0 for i in range(3)}
    send(certificate, late)
    assert late.items() <= stored(identity).items()
    assert verify_series(identity.pk, "hr").is_clean
    RetentionPolicy.objects.update(keep_days=60)  # an earlier mark beside the later one
    send(certificate, {MORNING - 40 * DAY_MS: 1.0})
    run(identity)
    assert late.items() <= stored(identity).items()
    assert verify_series(identity.pk, "hr").is_clean
    RetentionPolicy.objects.update(keep_days=30)
    run(identity)
    assert not late.keys() & stored(identity).keys()
    assert verify_series(identity.pk, "hr").is_clean


def test_an_identity_s_policy_overrides_the_one_for_all(
    certificate: DeviceCertificate,
) -> None:
    identity = certificate.identity
    keep(None, 30)
    assert list(preview(NOW_MS, identity.pk))
    keep(identity, None)
    assert not list(preview(NOW_MS, identity.pk))


def test_one_policy_for_all_keeps_at_least_a_day(live_db: None) -> None:
    keep(None, 30)
    with pytest.raises(IntegrityError), transaction.atomic():
        keep(None, 60)
    with pytest.raises(ValidationError):
        RetentionPolicy(identity=None, keep_days=60).full_clean()
    with pytest.raises(ValidationError):
        RetentionPolicy(identity=make_identity(), keep_days=0).full_clean()


def test_a_dry_run_lists_what_a_run_deletes(
    certificate: DeviceCertificate, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = certificate.identity
    # Counted from now: what is kept begins within the day before that morning.
    keep(identity, (int(time.time() * 1000) - MORNING) // DAY_MS + 1)
    before = stored(identity)
    call_command("prune", "--identity", identity.name, "--dry-run", "--json")
    would = json.loads(capsys.readouterr().out)
    assert stored(identity) == before
    call_command("prune", "--identity", identity.name, "--json")
    did = json.loads(capsys.readouterr().out)
    assert would["dry_run"] is True
    assert did == {**would, "dry_run": False}
    (series,) = did["series"]
    assert (series["identity"], series["name"]) == (identity.name, "hr")
    assert len(stored(identity)) == len(before) - series["samples"] > 0
    call_command("prune", "--identity", identity.name)
    assert "0 samples and 0 files deleted." in capsys.readouterr().out


def test_the_longest_policy_of_the_studies_counts(certificate: DeviceCertificate) -> None:
    identity = certificate.identity
    parent, other = (Study.objects.create(name=make_identity().name) for _ in range(2))
    site = Study.objects.create(name=make_identity().name, parent=parent)
    StudyIdentity.objects.create(study=site, identity=identity)
    keep(None, 1)
    RetentionPolicy.objects.create(study=parent, keep_days=30)
    assert dict(find_limits(NOW_MS, identity.pk)) == {identity: NOW_MS // HOUR_MS - 30 * 24}
    StudyIdentity.objects.create(study=other, identity=identity)
    RetentionPolicy.objects.create(study=other, keep_days=60)
    assert dict(find_limits(NOW_MS, identity.pk)) == {identity: NOW_MS // HOUR_MS - 60 * 24}
    RetentionPolicy.objects.filter(study=other).update(keep_days=None)
    assert not list(find_limits(NOW_MS, identity.pk))
    keep(identity, 2)
    assert dict(find_limits(NOW_MS, identity.pk)) == {identity: NOW_MS // HOUR_MS - 2 * 24}
