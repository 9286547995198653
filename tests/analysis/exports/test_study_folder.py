"""``export_study`` writes a study and nothing else, verifiably, and goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analysis.exports import study_folder
from analysis.exports.study_content import Choice
from analysis.models import Annotation
from identities.models import Identity
from identities.studies import Study, StudyIdentity
from ingest.time_range import TimeRange
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series

START = 1_700_000_000_000


@pytest.fixture
def study(db: None) -> Study:
    study = Study.objects.create(name="Study A")
    for name in ("bed-1", "bed-2"):
        identity = Identity.objects.create(name=name)
        StudyIdentity.objects.create(study=study, identity=identity, participant_code="=1+1" + name)
        make_series(identity, "hr", {START: 70, START + 1000: 71})
        make_series(identity, "acc.x", {START: 1})
        certificate = make_certificate(identity, name)
        make_measurement(certificate, f"{START},70".encode(), first_ms=START, last_ms=START + 1000)
    make_series(Identity.objects.create(name="kanarie"), "hr", {START: 70})
    return study


def run(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    call_command("export_study", "study a", str(folder), "--json", *options)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def export(folder: Path, study: Study, choice: Choice) -> Iterator[bool]:
    """Export ``study``; yield for each identity whether it was written."""
    for _, is_new in study_folder.export_study(folder, study, choice, print):
        yield is_new


def on_disk(folder: Path) -> set[str]:
    """Return the files in ``folder`` without the journal."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in files if not path.name.startswith(".journal-")}


def verified(folder: Path) -> Iterator[str]:
    """Yield each listed file, read back and compared with its entry."""

    def check(entry: dict[str, Any]) -> bytes:
        content: bytes = (folder / entry["file"]).read_bytes()
        assert len(content) == entry["bytes"]
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        return content

    for entry in json.loads((folder / "manifest.json").read_text())["files"]:
        content = check(entry)
        yield entry["file"]
        if entry["file"].endswith("/identity.json"):
            for each in json.loads(content)["files"]:
                check(each)
                yield each["file"]


def test_everything_is_written_and_listed(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, capsys, "--format", "csv")["written"] == 2
    listed = set(verified(tmp_path))
    assert on_disk(tmp_path) == listed | {"manifest.json"}
    assert {"bed-1/samples/hr.csv", "bed-1/samples/acc.x.json"} < listed
    assert (tmp_path / "bed-2/samples/hr.csv").read_text() == (
        f"time_ms,value\n{START},70\n{START + 1000},71\n"
    )
    (receipt,) = json.loads((tmp_path / "bed-1/originals/receipts.json").read_text())
    original = (tmp_path / "bed-1/originals" / receipt["file"]).read_bytes()
    assert hashlib.sha256(original).hexdigest() == receipt["sha256"]
    participants = (tmp_path / "participants.csv").read_text().splitlines()
    assert participants[1] == "bed-1,Study A,'=1+1bed-1,,"
    assert not any("kanarie" in path.read_text("latin-1") for path in tmp_path.rglob("*.*"))


def test_an_interrupted_export_goes_on(
    study: Study,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    choice = Choice("parquet", (), TimeRange(), True, True, "test")
    next(export(tmp_path, study, choice))
    assert not (tmp_path / "manifest.json").exists()
    done = [*export(tmp_path, study, choice)]
    assert done == [False, True]
    make_series(Identity.objects.get(name="bed-2"), "hr", {START + 5000: 72})
    done = [*export(tmp_path, study, choice)]
    assert done == [False, True]
    assert len(set(verified(tmp_path))) == 15


def test_what_is_no_longer_part_of_it_is_deleted(study: Study, tmp_path: Path) -> None:
    note = Annotation.objects.create(
        identity=Identity.objects.get(name="bed-1"), text="wrong", starts_at=timezone.now()
    )
    choice = Choice("csv", (), TimeRange(), True, True, "test")
    for _ in export(tmp_path, study, choice):
        pass
    assert "wrong" in (tmp_path / "bed-1/annotations.csv").read_text()
    note.delete()
    done = [*export(tmp_path, study, choice)]
    assert done == [True, False]
    assert on_disk(tmp_path) == {*verified(tmp_path), "manifest.json"}


def test_names_and_a_range_are_chosen(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--name", "acc", "--content", "samples", "--format", "csv")
    run(tmp_path, capsys, *options)
    assert {path.name for path in tmp_path.rglob("*.csv")} == {"participants.csv", "acc.x.csv"}
    run(tmp_path / "b", capsys, "--from", str(START + 1000), "--format", "csv")
    assert (tmp_path / "b/bed-1/samples/hr.csv").read_text().count("\n") == 2


def test_an_unknown_study_is_one_line(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no study"):
        call_command("export_study", "nothing", str(tmp_path))
