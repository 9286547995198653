"""``manage.py mirror`` keeps a Parquet data set equal to what is stored, whatever happens."""

from __future__ import annotations

import json
import random
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pyarrow import fs

from analysis.mirror import series_files
from analysis.mirror.mirror import STATE, Mirror
from analysis.mirror.target import Target
from identities.models import Identity
from identities.studies import Study, StudyIdentity
from ingest.maintenance.erasure import erase
from ingest.models import DeviceCertificate
from tests.analysis.random_site import Samples, Site
from tests.ingest.maintenance.factories import (
    DAY_MS,
    HOUR_MS,
    MORNING,
    make_certificate,
    make_identity,
    send,
)

pytestmark = pytest.mark.usefixtures("own_db")
THIS_MONTH = f"{datetime.now(UTC):%Y-%m}"
TODAY = int(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1000


def read_mirror(folder: Path) -> dict[tuple[int, str], Samples]:
    """Return the samples of a mirror by series; fail on a time that is there twice."""
    data = pyarrow.dataset.dataset(folder, partitioning="hive", format="parquet")
    found: dict[tuple[int, str], Samples] = {}
    if not data.files:
        return found
    for row in data.to_table().to_pylist():
        series = found.setdefault((row["identity_id"], row["name"]), {})
        time = int(row["time"].timestamp() * 1_000_000 + 0.5)
        assert row["time_ms"] == time // 1000
        assert time not in series
        series[time] = row["value"]
    return found


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")}


def mirror(folder: Path, study: str | None = None) -> Mirror:
    return Mirror(Target.parse(str(folder)), study)


@pytest.fixture
def certificate() -> DeviceCertificate:
    return make_certificate(make_identity())


def test_closed_months_are_a_file_and_the_open_one_a_file_a_day(
    certificate: DeviceCertificate, tmp_path: Path
) -> None:
    send(certificate, {MORNING: 1.5, MORNING + DAY_MS: 2.5, MORNING + 40 * DAY_MS: 3.5})
    send(certificate, {TODAY: 4.5})
    mirror(tmp_path).synchronise()
    folder = f"identity_id={certificate.identity_id}/name=hr"
    assert files(tmp_path) == {
        f"{folder}/month=2026-03/2026-03.parquet",
        f"{folder}/month=2026-04/2026-04.parquet",
        f"{folder}/month={THIS_MONTH}/{datetime.now(UTC):%Y-%m-%d}.parquet",
    }
    table = pyarrow.parquet.read_table(tmp_path / folder / "month=2026-03/2026-03.parquet")
    assert table.select(["identity", "time_ms", "value"]).to_pylist() == [
        {"identity": certificate.identity.name, "time_ms": MORNING, "value": 1.5},
        {"identity": certificate.identity.name, "time_ms": MORNING + DAY_MS, "value": 2.5},
    ]
    assert (tmp_path.stat().st_mode & 0o77, read_mirror(tmp_path)) != (0, {})


@pytest.mark.parametrize("seed", range(3))
def test_a_mirror_is_equal_to_the_store_after_each_run(seed: int, tmp_path: Path) -> None:
    site = Site(random.Random(seed), starts=(MORNING, MORNING + 31 * DAY_MS, TODAY - DAY_MS))  # noqa: S311
    kept = mirror(tmp_path)
    for _ in range(40):
        site.act()
        if site.random.random() < 0.3:
            kept.synchronise()
            assert read_mirror(tmp_path) == site.holds()


class DyingTarget(Target):
    """A folder whose process dies before one of the changes to its files."""

    left = 0

    def write(self, path: str, produce) -> None:  # type: ignore[no-untyped-def]
        self._count()
        super().write(path, produce)

    def delete(self, path: str) -> None:
        self._count()
        super().delete(path)

    def delete_folder(self, folder: str) -> bool:
        self._count()
        return super().delete_folder(folder)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError("died")


@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_died_anywhere_is_continued(seed: int, tmp_path: Path) -> None:
    site = Site(random.Random(seed + 50), starts=(MORNING, TODAY - DAY_MS))  # noqa: S311
    target = DyingTarget(fs.LocalFileSystem(), str(tmp_path))
    for _ in range(25):
        for _ in range(site.random.randrange(3)):
            site.act()
        target.left = site.random.randrange(12)
        try:
            Mirror(target).synchronise()
        except OSError:
            continue
        assert read_mirror(tmp_path) == site.holds()
    target.left = 10**6
    Mirror(target).synchronise()
    assert read_mirror(tmp_path) == site.holds()


def test_a_rename_is_written_and_moves_nothing(
    certificate: DeviceCertificate, tmp_path: Path
) -> None:
    send(certificate, {MORNING: 1.0})
    mirror(tmp_path).synchronise()
    before = files(tmp_path)
    Identity.objects.filter(pk=certificate.identity_id).update(name="renamed")
    mirror(tmp_path).synchronise()
    assert files(tmp_path) == before
    table = pyarrow.parquet.read_table(tmp_path / before.pop(), columns=["identity"])
    assert table["identity"].to_pylist() == ["renamed"]


def test_a_month_that_has_ended_becomes_one_file(
    certificate: DeviceCertificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series_files, "this_month", lambda: "2026-03")
    send(certificate, {MORNING + day * DAY_MS: 1.0 for day in range(3)})
    mirror(tmp_path).synchronise()
    assert len(files(tmp_path)) == 3
    monkeypatch.setattr(series_files, "this_month", lambda: "2026-04")
    mirror(tmp_path).synchronise()
    (path,) = files(tmp_path)
    assert path.endswith("/month=2026-03/2026-03.parquet")
    monkeypatch.setattr(series_files, "this_month", lambda: "2026-03")  # the clock was set back
    send(certificate, {MORNING + 5 * DAY_MS: 1.0})
    mirror(tmp_path).synchronise()
    assert files(tmp_path) == {path}
    assert len(read_mirror(tmp_path)[certificate.identity_id, "hr"]) == 4


def test_after_a_restore_all_is_copied_again(
    certificate: DeviceCertificate, tmp_path: Path
) -> None:
    other = make_certificate(make_identity())
    for each in (certificate, other):
        send(each, {MORNING: 1.0})
        send(each, {MORNING: 1.0}, name="gone")
    mirror(tmp_path).synchronise()
    # As a restored dump: another table, without the second identity and without a series.
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ingest_measurement RENAME TO before")
        cursor.execute("CREATE TABLE ingest_measurement (LIKE before INCLUDING ALL)")
        cursor.execute("DELETE FROM ingest_sampleblock WHERE name = 'gone'")
        cursor.execute("DELETE FROM ingest_sampleblock WHERE identity_id = %s", [other.identity_id])
        cursor.execute("DELETE FROM identities_identity WHERE id = %s", [other.identity_id])
    mirror(tmp_path).synchronise()
    assert read_mirror(tmp_path) == {(certificate.identity_id, "hr"): {MORNING * 1000: 1.0}}


def test_a_study_is_mirrored_with_what_enters_and_leaves(
    certificate: DeviceCertificate, tmp_path: Path
) -> None:
    study = Study.objects.create(name="Sleep")
    other = make_certificate(make_identity())
    for each in (certificate, other):
        send(each, {MORNING: 1.0})
    participation = StudyIdentity.objects.create(study=study, identity=certificate.identity)
    mirror(tmp_path, "Sleep").synchronise()
    assert set(read_mirror(tmp_path)) == {(certificate.identity_id, "hr")}
    StudyIdentity.objects.create(study=study, identity=other.identity)
    participation.delete()
    mirror(tmp_path, "Sleep").synchronise()
    assert set(read_mirror(tmp_path)) == {(other.identity_id, "hr")}
    erase(other.identity, by="ada")
    mirror(tmp_path, "Sleep").synchronise()
    assert read_mirror(tmp_path) == {}


def test_an_empty_study_mirrors_nothing(certificate: DeviceCertificate, tmp_path: Path) -> None:
    send(certificate, {MORNING: 1.0})
    Study.objects.create(name="Empty")
    mirror(tmp_path, "Empty").synchronise()
    assert files(tmp_path) == set()


def test_the_command_writes_to_an_empty_folder_or_a_mirror_only(
    certificate: DeviceCertificate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    send(certificate, {MORNING: 1.0, MORNING + HOUR_MS: 2.0})
    target = tmp_path / "lake"
    call_command("mirror", str(target), "--json")
    assert json.loads(capsys.readouterr().out) == {"files": 1, "deleted": 0, "samples": 2}
    call_command("mirror", str(target))
    assert capsys.readouterr().out == "0 files written with 0 samples, 0 deleted.\n"
    Study.objects.create(name="Sleep")
    with pytest.raises(CommandError, match="mirror of everything"):
        call_command("mirror", str(target), "--study", "Sleep")
    with pytest.raises(CommandError, match="no study"):
        call_command("mirror", str(target), "--study", "other")
    (target / STATE).unlink()
    with pytest.raises(CommandError, match="no mirror"):
        call_command("mirror", str(target))
    shutil.rmtree(target)
    call_command("mirror", str(target))
    assert len(files(target)) == 1


@pytest.mark.parametrize("target", [
    "s3://AKIAKEY:secret@bucket/path",
    "s3://AKIAKEY:sec/ret@bucket/path",
    "s3://bucket/path?access_key=secret",
    "s3://bucket/path?region=eu&session_token=secret",
    "s3://bucket/path?endpoint_override=http://user:secret@host",
    "gs://secret@bucket/path",
    "ftp://host/path",
    "postgres://user:secret@host/path",
    "https://secret@host/path",
])  # fmt: skip
def test_a_target_with_credentials_is_refused_and_not_repeated(
    target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="TARGET") as refused:
        call_command("mirror", target)
    assert "secret" not in str(refused.value)
