"""``export_study`` deletes the folders of those who left or were erased, whatever came between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

from analysis.exports import study_folder
from analysis.exports.study_content import Choice
from identities.models import Identity
from identities.studies import Study, StudyIdentity
from ingest.models import SampleBlock, Series
from ingest.time_range import TimeRange
from tests.analysis.queries.factories import make_series

START = 1_700_000_000_000
CHOICE = Choice("csv", (), TimeRange(), True, True, "test")
Change = Callable[[Study], object]


@pytest.fixture
def study(db: None) -> Study:
    study = Study.objects.create(name="Study A")
    for name in ("bed-1", "bed-2", "bed-3"):
        identity = Identity.objects.create(name=name)
        StudyIdentity.objects.create(study=study, identity=identity)
        make_series(identity, "hr", {START: 70})
    return study


def export(folder: Path, study: Study, *, number: int | None = None) -> set[str]:
    """Export ``study``, or its first ``number`` identities; return the folders there are."""
    for done, _ in enumerate(study_folder.export_study(folder, study, CHOICE, print), 1):
        if done == number:
            break
    return {path.name for path in folder.iterdir() if path.is_dir()}


def leave(name: str) -> None:
    StudyIdentity.objects.get(identity__name__iexact=name).delete()


def test_who_left_or_was_erased_is_deleted(study: Study, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert export(tmp_path, study) == {"bed-1", "bed-2", "bed-3", "mine"}
    leave("bed-2")
    erased = Identity.objects.filter(name="bed-3")
    for model in (SampleBlock, Series):
        model._default_manager.filter(identity__in=erased).delete()
    erased.delete()
    assert export(tmp_path, study) == {"bed-1", "mine"}


def test_who_left_after_an_interrupted_export_is_deleted(study: Study, tmp_path: Path) -> None:
    assert export(tmp_path, study, number=2) == {"bed-1", "bed-2"}
    leave("bed-2")
    assert export(tmp_path, study) == {"bed-1", "bed-3"}


def test_a_leaver_stays_noted_over_interrupted_exports(study: Study, tmp_path: Path) -> None:
    export(tmp_path, study)
    leave("bed-2")
    for _ in range(2):
        assert export(tmp_path, study, number=1) == {"bed-1", "bed-2", "bed-3"}
    assert export(tmp_path, study) == {"bed-1", "bed-3"}


def test_a_name_in_another_case_is_another_folder(study: Study, tmp_path: Path) -> None:
    export(tmp_path, study)
    Identity.objects.filter(name="bed-2").update(name="Bed-2")
    assert export(tmp_path, study) == {"bed-1", "Bed-2", "bed-3"}
    leave("bed-2")
    assert export(tmp_path, study) == {"bed-1", "bed-3"}


def test_where_case_is_ignored_the_folder_stays(study: Study, tmp_path: Path) -> None:
    export(tmp_path, study)
    Identity.objects.filter(name="bed-2").update(name="Bed-2")
    (tmp_path / "Bed-2").symlink_to("bed-2")  # one folder under both names
    export(tmp_path, study)
    assert (tmp_path / "bed-2/samples/hr.csv").exists()


def test_a_leaver_of_a_renamed_study_is_deleted(study: Study, tmp_path: Path) -> None:
    export(tmp_path, study)
    study.name = "Study B"
    study.save()
    leave("bed-2")
    assert export(tmp_path, study) == {"bed-1", "bed-3"}


def test_studies_in_one_folder_take_nothing_from_each_other(study: Study, tmp_path: Path) -> None:
    export(tmp_path, study)
    other = Study.objects.create(name="Study B")
    for name in ("bed-2", "bed-3"):
        StudyIdentity.objects.create(study=other, identity=Identity.objects.get(name=name))
    assert export(tmp_path, other) == {"bed-1", "bed-2", "bed-3"}
    study.participants.exclude(identity__name="bed-3").delete()
    assert export(tmp_path, study) == {"bed-2", "bed-3"}
    other.participants.filter(identity__name="bed-2").delete()
    assert export(tmp_path, other) == {"bed-3"}


def test_the_manifest_of_an_earlier_release_tells_too(study: Study, tmp_path: Path) -> None:
    export(tmp_path, study)
    (journal,) = tmp_path.glob(".journal-*")
    journal.unlink()
    leave("bed-2")
    assert export(tmp_path, study) == {"bed-1", "bed-3"}


def test_a_cut_line_of_the_journal_is_no_folder(study: Study, tmp_path: Path) -> None:
    export(tmp_path, study)
    (tmp_path / "bed").mkdir()
    (journal,) = tmp_path.glob(".journal-*")
    journal.write_text(journal.read_text() + "../bed-1\n\nbed")
    assert export(tmp_path, study) == {"bed", "bed-1", "bed-2", "bed-3"}


@pytest.mark.parametrize(
    "content",
    ["", '{"study": "Study A", "files": [', "[]", "7", "{}", '{"files": 1}', '{"files": ["a"]}',
     '{"study": "Study A", "files": [{"file": "/identity.json"}, {"file": "../x/identity.json"}]}',
     "[" * 100_000, "\xff"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["manifest.json", "bed-1/identity.json"])
def test_a_foreign_or_cut_list_is_written_anew(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str
) -> None:
    export(tmp_path, study)
    good = (tmp_path / name).read_bytes()
    (tmp_path / name).write_text(content, "latin-1")
    call_command("export_study", "study a", str(tmp_path), "--format", "csv")
    printed = capsys.readouterr()
    is_index = "identity.json" in content
    assert printed.err == (
        ""
        if is_index
        else f"{tmp_path / name} is incomplete or not from an export: it is replaced.\n"
    )
    assert len((tmp_path / name).read_bytes()) in range(len(good) - 99, len(good) + 99)
    assert export(tmp_path, study) == {"bed-1", "bed-2", "bed-3"}
