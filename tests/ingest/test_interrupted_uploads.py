"""A mark that a dead process left makes the same upload wait, twice as long each time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from ingest import interrupted_uploads
from ingest.interrupted_uploads import UploadInterrupted, ensure_not_interrupted, marked
from ingest.models import InterruptedUpload

pytestmark = pytest.mark.usefixtures("own_db")
SHA256, SIZE = b"\x01" * 32, 100_000
# What a worker does until it is killed; it says when its mark is there.
READER = """
import fcntl, os, sys, time
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(handle, fcntl.LOCK_EX)
os.pwrite(handle, sys.argv[2].encode(), 0)
print("marked", flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def marks(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.UPLOAD_MARKS_DIR = tmp_path / "uploads"
    monkeypatch.setattr(interrupted_uploads, "_own", None)
    (tmp_path / "uploads").mkdir()
    return tmp_path / "uploads"


def start_reader(folder: Path, mark: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", READER, str(folder / "reader"), mark]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "marked\n"
    return reader


def die_in_upload(folder: Path) -> None:
    with start_reader(folder, f"{SHA256.hex()} {SIZE}") as reader:
        reader.send_signal(signal.SIGKILL)


def waits() -> int:
    with pytest.raises(UploadInterrupted) as raised:
        ensure_not_interrupted(SHA256, SIZE)
    return raised.value.retry_after


def test_the_wait_doubles_up_to_an_hour(marks: Path) -> None:
    found = []
    for _ in range(10):
        die_in_upload(marks)
        found.append(waits())
        InterruptedUpload.objects.update(retry_at=timezone.now())
    assert found == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert InterruptedUpload.objects.get().count == 10
    assert list(marks.iterdir()) == []


def test_other_uploads_do_not_wait(marks: Path) -> None:
    die_in_upload(marks)
    assert not ensure_not_interrupted(SHA256, SIZE + 1)
    assert not ensure_not_interrupted(b"\x02" * 32, SIZE)
    assert waits()


def test_a_process_that_lives_has_not_died(marks: Path) -> None:
    with start_reader(marks, f"{SHA256.hex()} {SIZE}") as reader:
        assert not ensure_not_interrupted(SHA256, SIZE)
        assert [path.name for path in marks.iterdir()] == ["reader"]
        reader.kill()


def test_an_upload_that_ends_leaves_no_mark(marks: Path) -> None:
    with pytest.raises(ValueError, match="refused"), marked(SHA256, SIZE):
        raise ValueError("refused")
    with marked(SHA256, SIZE):
        assert [path.read_text() for path in marks.iterdir()] == [f"{SHA256.hex()} {SIZE}"]
    assert [path.read_text() for path in marks.iterdir()] == [""]
    assert not InterruptedUpload.objects.exists()
    handle, interrupted_uploads._own = interrupted_uploads._own, None
    assert handle is not None
    os.close(handle)  # as the end of the process does
    assert not ensure_not_interrupted(SHA256, SIZE)
    assert list(marks.iterdir()) == []


def test_a_success_after_the_wait_ends_the_matter(marks: Path) -> None:
    die_in_upload(marks)
    assert waits()
    InterruptedUpload.objects.update(retry_at=timezone.now())
    with marked(SHA256, SIZE):
        pass
    assert not InterruptedUpload.objects.exists()


def test_the_rows_are_bounded(marks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupted_uploads, "MAX_ROWS", 5)
    now = timezone.now()
    InterruptedUpload.objects.bulk_create(
        InterruptedUpload(
            sha256=SHA256, size=number, last_at=now - timedelta(number + 1), retry_at=now
        )
        for number in range(9)
    )
    die_in_upload(marks)
    assert waits()
    assert sorted(row.size for row in InterruptedUpload.objects.all()) == [0, 1, 2, 3, SIZE]
