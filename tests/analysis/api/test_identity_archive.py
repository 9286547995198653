"""All data of an identity as one zip: its size is announced, and each file's SHA-256 is in it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client

from analysis.exports import study_content
from analysis.models import Annotation
from identities.audit.models import AuditEvent
from identities.models import Identity
from identities.studies import Study, StudyIdentity, StudyMember
from ingest.models import Measurement
from ingest.storage.stored_files import read_chunks
from tests.analysis.queries.factories import make_certificate, make_measurement, make_series

START = 1_700_000_000_000
PATH = "/api/v1/identities/{}/archive"


@pytest.fixture
def files(db: None, monkeypatch: pytest.MonkeyPatch) -> list[Measurement]:
    """Files of an identity of study A: more of them than are read at once."""
    monkeypatch.setattr(study_content, "FILES_PER_READ", 3)
    monkeypatch.setattr(study_content, "BYTES_PER_READ", 20)
    study = Study.objects.create(name="Study A")
    identity = Identity.objects.create(name="Bed-1")
    StudyIdentity.objects.create(study=study, identity=identity, participant_code="P-7")
    make_series(identity, "hr", {START: 70, START + 1000: 71})
    make_series(identity, "HR", {START: 1})
    make_series(identity, "acc.x", {START: 1})
    certificate = make_certificate(identity)
    return [
        make_measurement(
            certificate, f"{START + number},70".encode(), first_ms=START, last_ms=START + number
        )
        for number in range(7)
    ]


@pytest.fixture
def viewer(files: list[Measurement]) -> Client:
    user = User.objects.create(username="vera", is_staff=True)
    StudyMember.objects.create(study=Study.objects.get(), user=user, role="viewer")
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def read_zip(body: bytes) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the files by name and the index; each file is as the index says."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        contents = {name: archive.read(name) for name in archive.namelist()}
        index = json.loads(contents.pop("Bed-1/identity.json"))
    listed = {entry["file"]: entry for entry in index["files"] if "code" not in entry}
    assert listed.keys() == contents.keys()
    for name, entry in listed.items():
        assert entry["bytes"] == len(contents[name])
        assert entry["sha256"] == hashlib.sha256(contents[name]).hexdigest()
    return contents, index


def test_the_size_of_originals_is_exact(viewer: Client, files: list[Measurement]) -> None:
    fields = {"content": "originals", "study": "Study A"}
    answer = viewer.get(PATH.format("bed-1"), fields)
    body = answer.getvalue()
    assert answer.headers["Content-Length"] == str(len(body))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Bed-1.zip"'
    contents, index = read_zip(body)
    receipts = json.loads(contents["Bed-1/originals/receipts.json"])
    sent = {str(file.pk): b"".join(read_chunks(file)) for file in files}
    found = {each["id"]: contents[f"Bed-1/originals/{each['file']}"] for each in receipts}
    assert found == sent
    (participation,) = index["state"]["participations"]
    assert participation["participant_code"] == "P-7"
    head = viewer.head(PATH.format("bed-1"), fields)
    assert head.headers["Content-Length"] == str(len(body))


def test_it_is_what_export_study_writes(viewer: Client, tmp_path: Path) -> None:
    for name in ("csv", "parquet"):
        answer = viewer.get(PATH.format("Bed-1"), {"format": name})
        contents, _ = read_zip(answer.getvalue())
        assert "Content-Length" not in answer.headers
        assert int(answer.headers["X-Estimated-Bytes"]) > 1000
        call_command("export_study", "Study A", str(tmp_path / name), "--format", name)
        written = {
            str(path.relative_to(tmp_path / name)): path.read_bytes()
            for path in (tmp_path / name / "Bed-1").rglob("*")
            if path.is_file()
        }
        del written["Bed-1/identity.json"]
        assert written.keys() == contents.keys()
        for path, content in written.items():
            assert content == contents[path] or "samples" in path  # which say when and where from
    assert {"Bed-1/samples/HR.csv", "Bed-1/samples/hr~2.csv"} <= {
        path.replace(".parquet", ".csv") for path in contents
    }


def test_names_and_a_range_are_chosen(viewer: Client) -> None:
    query = f"name=hr&name=acc&format=csv&to={START + 1000}"
    answer = viewer.get(f"{PATH.format('bed-1')}?{query}")
    contents, _ = read_zip(answer.getvalue())
    assert contents["Bed-1/samples/hr.csv"] == f"time_ms,value\n{START},70\n".encode()
    assert "Bed-1/samples/acc.x.csv" in contents
    assert "Bed-1/samples/HR.csv" not in contents


def test_a_damaged_file_is_named_and_left_out(viewer: Client, files: list[Measurement]) -> None:
    Measurement.objects.filter(pk=files[2].pk).update(content=files[1].content)
    answer = viewer.get(PATH.format("bed-1"), {"content": "originals"})
    body = answer.getvalue()
    assert answer.headers["Content-Length"] == str(len(body))
    contents, index = read_zip(body)
    assert len(contents) == 7
    (damaged,) = [entry for entry in index["files"] if "code" in entry]
    assert damaged["code"] == "file_damaged"
    assert damaged["sha256"] == bytes(files[2].sha256).hex()


@pytest.fixture
def notes(files: list[Measurement]) -> None:
    """Three notes to the identity and its series, a fourth to another identity."""
    moment = datetime.fromtimestamp(START / 1000, UTC)
    ours, other = files[0].identity, Identity.objects.create(name="kanarie")
    for identity, name, text in (
        (ours, "", "=fever"),
        (ours, "hr", "strap loose"),
        (ours, "acc.x", "moved"),
        (other, "", "kanarie"),
    ):
        Annotation.objects.create(
            identity=identity, name=name, starts_at=moment, text=text, created_by="ada"
        )


@pytest.mark.usefixtures("notes")
def test_annotations_are_listed_and_described(viewer: Client, tmp_path: Path) -> None:
    answer = viewer.get(PATH.format("bed-1"), {"content": "originals"})
    body = answer.getvalue()
    assert answer.headers["Content-Length"] == str(len(body))
    assert b"kanarie" not in body
    contents, index = read_zip(body)
    rows = list(csv.DictReader(io.StringIO(contents["Bed-1/annotations.csv"].decode())))
    assert [(row["name"], row["text"]) for row in rows] == [
        ("", "'=fever"), ("hr", "strap loose"), ("acc.x", "moved"),
    ]  # fmt: skip
    dictionary = json.loads(contents["Bed-1/annotations.json"])
    assert [column["name"] for column in dictionary["columns"]] == list(rows[0])
    assert index["state"]["annotations"]["count"] == 3
    call_command("export_study", "Study A", str(tmp_path), "--content", "originals")
    written = (tmp_path / "Bed-1/annotations.csv").read_bytes()
    assert written == contents["Bed-1/annotations.csv"]


@pytest.mark.usefixtures("notes")
def test_annotations_follow_range_series_and_permission(
    viewer: Client, files: list[Measurement]
) -> None:
    def texts(client: Client, **query: Any) -> list[str]:
        answer = client.get(PATH.format("bed-1"), {"content": "originals", **query})
        contents, _ = read_zip(answer.getvalue())
        lines = contents.get("Bed-1/annotations.csv", b"text\n").decode().splitlines()
        return [row["text"] for row in csv.DictReader(lines)]

    assert texts(viewer, name="hr") == ["'=fever", "strap loose"]
    assert texts(viewer, name="acc") == ["'=fever", "moved"]
    assert texts(viewer, **{"from": START + 1000}) == []
    client = client_with("view_measurement", "view_all_identities")
    assert texts(client) == []


@pytest.mark.parametrize("format_name", ["csv", "parquet"])
def test_the_estimate_is_within_a_tenth(viewer: Client, format_name: str) -> None:
    """Also for many short series beside long ones, and for a range."""
    identity = Identity.objects.get(name="Bed-1")
    for number in range(12):
        length = 20_000 if number in (5, 11) else 300
        rates = (60 + (n * 7919 + number) % 4001 / 100 for n in range(length))
        times = (START + 997 * n for n in range(length))
        make_series(identity, f"s{number}", dict(zip(times, rates, strict=True)))
    queries: tuple[dict[str, Any], ...] = (
        {},
        {"to": START + 997 * 9_000},
        {"name": "s1", "content": "samples"},
    )
    for query in queries:
        answer = viewer.get(PATH.format("bed-1"), {"format": format_name, **query})
        size = len(answer.getvalue())
        assert int(answer.headers["X-Estimated-Bytes"]) == pytest.approx(size, rel=0.1), query


def test_a_file_erased_meanwhile_changes_no_size(viewer: Client, files: list[Measurement]) -> None:
    answer = viewer.get(PATH.format("bed-1"), {"content": "originals"})
    Measurement.objects.filter(pk__in=[file.pk for file in files[:5]]).delete()
    make_measurement(files[0].certificate, b"later")
    body = answer.getvalue()
    assert answer.headers["Content-Length"] == str(len(body))
    assert len(read_zip(body)[0]) == 3


def test_it_is_in_the_audit_log_of_the_study(viewer: Client) -> None:
    viewer.head(PATH.format("bed-1"))
    assert not AuditEvent.objects.filter(action="export").exists()
    viewer.get(PATH.format("bed-1"), {"content": "originals"}).getvalue()
    event = AuditEvent.objects.get(action="export")
    assert event.username == "vera"
    assert event.study_ids == [Study.objects.get().pk]
    assert event.object_repr == "/api/v1/identities/bed-1/archive?content=originals"


def test_what_may_not_be_seen_does_not_exist(viewer: Client) -> None:
    Identity.objects.create(name="kanarie")
    hidden, missing = (viewer.get(PATH.format(name)) for name in ("kanarie", "nobody1"))
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["type"] == missing.json()["type"] == "urn:device-endpoint:unknown_identity"
    wrong = viewer.get(PATH.format("bed-1"), {"content": "everything"})
    assert wrong.json()["parameter"] == "content"


def client_with(*codenames: str) -> Client:
    user = User.objects.create(username="fay", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_samples_need_the_permission_for_samples(files: list[Measurement]) -> None:
    client = client_with("view_measurement", "view_all_identities")
    assert client.get(PATH.format("bed-1"), {"content": "originals"}).status_code == 200
    assert client.get(PATH.format("bed-1")).status_code == 403
