"""The folders that ``up`` creates: ``VAR_DIR`` and its lock, and private folders for sockets."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from device_endpoint.env import run_folder, socket_folder
from device_endpoint.supervisor.process import LOG_FOLDER_MODE, CannotStartError


def make_folders(var_dir: Path) -> None:
    """Create ``VAR_DIR`` and the log folder, which this user must own and be able to write."""
    try:
        for folder in (var_dir, var_dir / "log"):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
            if folder.stat().st_uid != os.geteuid():
                raise CannotStartError(
                    f"{folder} was created by another user (id {folder.stat().st_uid}): start as "
                    "that user or set another VAR_DIR."
                )
        (var_dir / "log").chmod(LOG_FOLDER_MODE)
    except OSError as error:
        raise CannotStartError(
            f"VAR_DIR={var_dir} cannot be written ({error.strerror}): set another VAR_DIR."
        ) from error


def lock(var_dir: Path) -> IO[str]:
    """Lock ``VAR_DIR`` for this process until the returned file is closed."""
    file = (var_dir / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise CannotStartError(
            f"{var_dir} is in use by a running `up` (process {holder}): stop it, or set "
            "another VAR_DIR, DEVICE_PORT and STAFF_PORT for a second instance."
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def make_private(folder: Path, mode: int, owner: int | None = None) -> None:
    """Create ``folder`` with ``mode`` for ``owner`` (a user id; default: this process's user).

    Raises ``CannotStartError`` if it belongs to another user, who could have created it first in
    a folder that everyone may write.
    """
    owner = os.geteuid() if owner is None else owner
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        if os.geteuid() != owner and folder.lstat().st_uid == os.geteuid():
            os.chown(folder, owner, owner)
        actual = folder.lstat().st_uid
        if actual == owner and not folder.is_symlink():
            folder.chmod(mode)
            return
    except OSError as error:
        raise CannotStartError(
            f"{folder} cannot be created ({error.strerror}): set another VAR_DIR."
        ) from error
    raise CannotStartError(
        f"{folder} was created by another user (id {actual}, not {owner}): start as that user, "
        "remove it, or set another VAR_DIR."
    )


def make_socket_folder(kind: str, mode: int, owner: int | None = None) -> Path:
    """Create and return the folder for sockets of ``kind``."""
    folder = socket_folder(kind)
    if folder != run_folder():  # the parent of RUN_DIR is left as it is
        make_private(folder.parent, 0o711)
    make_private(folder, mode, owner)
    return folder
