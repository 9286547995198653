"""Files wait on disk until the server has stored them, through restarts and power cuts."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_client.errors import DamagedFile, StateError
from device_client.multipart import FilePart
from device_client.spool import PendingFile, Spool, group_by_request
from device_client.state import StateFolder

PART = FilePart("hr_measurement", "hr_measurement_2019_06_11", b"1560279835000,93\n\x00\r\n,")
OTHER = FilePart("ibi", "", b"1560279908504,609.403\n")


def test_a_restart_keeps_the_files_in_order(tmp_path: Path) -> None:
    before = Spool(tmp_path)
    before.add(PART)
    before.add(OTHER)
    assert [waiting.read() for waiting in Spool(tmp_path).list_pending()] == [PART, OTHER]


def test_a_file_added_after_a_restart_comes_last(tmp_path: Path) -> None:
    Spool(tmp_path).add(PART)
    after = Spool(tmp_path)
    after.add(OTHER)
    assert [waiting.read() for waiting in after.list_pending()] == [PART, OTHER]


def test_an_incomplete_file_is_deleted(tmp_path: Path) -> None:
    Spool(tmp_path)
    (tmp_path / "spool" / "000000000001.upload.draft").write_bytes(b'{"name"')
    assert Spool(tmp_path).list_pending() == []
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_received_file_is_deleted(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.delete(spool.add(PART))
    assert Spool(tmp_path).list_pending() == []


def test_a_refused_file_is_kept_with_its_reason(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept = spool.move_to_refused(spool.add(PART), "line 3: not a number")
    assert spool.list_pending() == []
    assert kept.read_bytes().endswith(PART.content)
    assert kept.with_suffix(".reason").read_text() == "line 3: not a number\n"


def test_a_refused_file_is_not_overwritten_by_a_later_one(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    kept = first.move_to_refused(first.add(PART), "bad")
    second = Spool(tmp_path)
    assert second.move_to_refused(second.add(OTHER), "bad") != kept


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "device")
    state.ensure_credentials()
    waiting = state.spool.add(PART)
    state.close()
    modes = {path.stat().st_mode & 0o777 for path in (state.credentials, waiting.path)}
    assert modes == {0o600}
    folders = (state.path, state.spool.folder)
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    waiting = spool.add(PART)
    waiting.path.write_bytes(b"\xff\xfe")
    with pytest.raises(DamagedFile, match=r"000000000001\.upload is damaged"):
        waiting.read()


def test_a_state_folder_is_locked(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    with pytest.raises(StateError, match="another device"):
        StateFolder(tmp_path)
    first.close()
    StateFolder(tmp_path).close()


def _sizes(groups: list[list[PendingFile]]) -> list[list[int]]:
    return [[waiting.size for waiting in batch] for batch in groups]


def test_files_are_grouped_by_the_limits_of_a_request() -> None:
    waiting = [PendingFile(Path("x"), size) for size in (5_000, 5_000, 5_000, 50_000, 100)]
    groups = group_by_request(waiting, max_files=2, max_bytes=20_000)
    assert _sizes(groups) == [[5_000, 5_000], [5_000], [50_000], [100]]


def test_an_empty_spool_makes_no_request() -> None:
    assert group_by_request([], max_files=2, max_bytes=20_000) == []
