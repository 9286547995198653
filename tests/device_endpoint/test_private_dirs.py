"""Private folders: closed to other users, and refused if another user created them."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_endpoint.env import socket_folder
from device_endpoint.supervisor.folders import make_folders, make_private, make_socket_folder
from device_endpoint.supervisor.process import CannotStartError, open_log


def test_it_is_created_and_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_private(folder, 0o750)
    folder.chmod(0o777)
    make_private(folder, 0o750)
    assert folder.stat().st_mode & 0o777 == 0o750


def test_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(CannotStartError, match="created by another user"):
        make_private(tmp_path, 0o700)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotStartError):
        make_private(tmp_path / "link", 0o700)


def test_the_socket_folder_is_for_this_user_and_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    assert make_socket_folder("run", 0o750) == socket_folder("run")
    assert socket_folder("run").stat().st_mode & 0o777 == 0o750


def test_the_parent_of_run_dir_is_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setenv("RUN_DIR", str(tmp_path / "given"))
    assert make_socket_folder("run", 0o750) == tmp_path / "given"
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_the_log_folder_is_for_this_user_and_its_group(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir(mode=0o755)
    make_folders(tmp_path)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o750


def test_a_log_is_closed_to_others_also_if_it_existed(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("before\n")
    log.chmod(0o644)
    with open_log(log) as file:
        file.write(b"after\n")
    assert log.read_text() == "before\nafter\n"
    assert log.stat().st_mode & 0o777 == 0o640
