"""Folders for sockets: closed to others, and never one that somebody else made first."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_endpoint.env import socket_folder
from device_endpoint.supervisor.errors import CannotStartError
from device_endpoint.supervisor.private_dirs import make_private, make_socket_folder


def test_it_is_made_and_closed(tmp_path: Path) -> None:
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
    with pytest.raises(CannotStartError, match="made by another user"):
        make_private(tmp_path, 0o700)


def test_a_link_to_somewhere_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotStartError):
        make_private(tmp_path / "link", 0o700)


def test_the_doors_sockets_are_for_this_user_and_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    assert make_socket_folder("run", 0o750) == socket_folder("run")
    assert socket_folder("run").stat().st_mode & 0o777 == 0o750


def test_a_folder_given_for_them_leaves_what_is_above_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setenv("RUN_DIR", str(tmp_path / "given"))
    assert make_socket_folder("run", 0o750) == tmp_path / "given"
    assert tmp_path.stat().st_mode & 0o777 == 0o755
