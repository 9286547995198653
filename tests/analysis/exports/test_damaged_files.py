"""A stored file that is not what the device sent is returned to nobody."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from analysis.exports.streaming import Member, stream_zip
from analysis.exports.study_content import Choice
from analysis.exports.study_folder import export_study
from analysis.models import Annotation
from identities.models import Identity
from identities.studies import Study, StudyIdentity
from ingest.models import Measurement
from ingest.time_range import TimeRange
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series

START = 1_700_000_000_000


@pytest.fixture
def files(db: None) -> list[Measurement]:
    """Two files of a series; the first is damaged."""
    certificate = make_certificate(Identity.objects.create(name="ward"))
    made = [
        make_measurement(certificate, text, first_ms=START, last_ms=START)
        for text in (b"1,1", b"2,2")
    ]
    make_series(certificate.identity, "hr", {START: 60.0})
    Measurement.objects.filter(pk=made[0].pk).update(content=made[1].content)
    return made


def test_the_api_answers_503_that_is_not_retryable(
    admin_client: Client, files: list[Measurement]
) -> None:
    answer = admin_client.get(f"/api/v1/measurements/{files[0].pk}/content")
    problem = answer.json()
    assert answer.status_code == problem["status"] == 503
    assert problem["type"] == "urn:device-endpoint:file_damaged"
    assert problem["retryable"] is False
    assert "Retry-After" not in answer.headers
    whole = admin_client.get(f"/api/v1/measurements/{files[1].pk}/content")
    assert whole.getvalue() == b"2,2"


def test_a_zip_lists_it_in_its_manifest(admin_client: Client, files: list[Measurement]) -> None:
    answer = admin_client.get("/api/v1/series/ward/hr/originals")
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        receipts = json.loads(archive.read("receipts.json"))
        names = set(archive.namelist()) - {"receipts.json"}
        assert [archive.read(name) for name in names] == [b"2,2"]
    found = {receipt["id"]: (receipt["file"], receipt.get("code")) for receipt in receipts}
    assert found == {
        str(files[0].pk): (None, "file_damaged"),
        str(files[1].pk): (names.pop(), None),
    }


def test_an_export_run_again_keeps_the_last_intact_copy(
    files: list[Measurement], tmp_path: Path
) -> None:
    study = Study.objects.create(name="Sleep")
    StudyIdentity.objects.create(study=study, identity=files[0].identity)
    choice = Choice("csv", (), TimeRange(), True, True, "test")
    damaged = Measurement.objects.get(pk=files[0].pk).content
    Measurement.objects.filter(pk=files[0].pk).update(content=files[0].content)
    for content in (files[0].content, damaged, damaged):
        Measurement.objects.filter(pk=files[0].pk).update(content=content)
        Annotation.objects.create(identity=files[0].identity, starts_at=timezone.now())
        assert [is_new for _, is_new in export_study(tmp_path, study, choice, print)] == [True]
        originals = [*(tmp_path / "ward/originals").glob("*.txt")]
        assert {path.read_bytes() for path in originals} == {b"1,1", b"2,2"}
    index = json.loads((tmp_path / "ward/identity.json").read_text())
    codes = {entry.get("code") for entry in index["files"] if entry["file"].endswith(".txt")}
    assert codes == {None, "file_damaged"}
    Measurement.objects.filter(pk=files[0].pk).delete()
    assert [is_new for _, is_new in export_study(tmp_path, study, choice, print)] == [True]
    assert len([*(tmp_path / "ward/originals").glob("*.txt")]) == 1


def test_members_whose_names_collide_are_all_kept() -> None:
    now = timezone.now()
    members = [
        Member("a_b.c.csv", now, [b"1"]),
        Member("A_b.c.csv", now, [b"2"]),
        Member("a_b.c.csv", now, [b"3"]),
    ]
    with zipfile.ZipFile(io.BytesIO(b"".join(stream_zip(members)))) as archive:
        assert archive.namelist() == ["a_b.c.csv", "A_b.c~2.csv", "a_b.c~3.csv"]
        assert [archive.read(name) for name in archive.namelist()] == [b"1", b"2", b"3"]
