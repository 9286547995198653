"""Folders for sockets and data: closed to others, and trusted only if this user made them."""

from __future__ import annotations

import os
from pathlib import Path

from device_endpoint.env import run_folder, socket_folder
from device_endpoint.supervisor.errors import CannotStartError


def make_private(folder: Path, mode: int, owner: int | None = None) -> None:
    """Make ``folder`` with ``mode`` for ``owner`` (a user id; None: this process's user).

    Raise ``CannotStartError`` where it is another user's: below a folder that everyone may
    write, somebody else could have made it first.
    """
    owner = os.geteuid() if owner is None else owner
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        if os.geteuid() != owner and folder.lstat().st_uid == os.geteuid():
            os.chown(folder, owner, owner)
        found = folder.lstat().st_uid
        if found == owner and not folder.is_symlink():
            folder.chmod(mode)
            return
    except OSError as error:
        raise CannotStartError(
            f"{folder} cannot be made ({error.strerror}): set another VAR_DIR."
        ) from error
    raise CannotStartError(
        f"{folder} was made by another user (id {found}, not {owner}): start as that user, "
        "remove it, or set another VAR_DIR."
    )


def make_socket_folder(kind: str, mode: int, owner: int | None = None) -> Path:
    """Make and return the folder for sockets of ``kind``; others may pass what is above it."""
    folder = socket_folder(kind)
    if folder != run_folder():  # what is above RUN_DIR is not ours
        make_private(folder.parent, 0o711)
    make_private(folder, mode, owner)
    return folder
